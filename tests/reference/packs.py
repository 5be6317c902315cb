"""Small packs of documents that several tests apply."""

from kairos_server.catalog import Applied, Catalog, DocumentInput, split_documents

# As the specification prints it: `POST /api/v1/behavioral/triggers`.
EXIT_PREVENTION = """{
  "name": "High Intent Exit Prevention",
  "description": "Trigger exit offer for high-intent users",
  "conditions": {
    "eventType": "exit_intent",
    "filters": [
      {
        "field": "engagementScore",
        "operator": "greater_than",
        "value": 0.7
      },
      {
        "field": "timeOnPage",
        "operator": "greater_than",
        "value": 30000
      }
    ]
  },
  "actions": [
    {
      "type": "show_exit_offer",
      "parameters": {
        "offerType": "discount",
        "discount": 0.15,
        "urgency": "high"
      }
    },
    {
      "type": "capture_email",
      "parameters": {
        "incentive": "free_guide",
        "followUp": "nurture_sequence"
      }
    }
  ],
  "personalization": {
    "persona": "all",
    "deviceType": "all",
    "trafficSource": "all"
  },
  "schedule": {
    "active": true,
    "startDate": "2024-01-01",
    "endDate": null,
    "timeZone": "UTC"
  }
}"""
BASE = """
kind: schema
attributes: {time_on_page: int, price: double}
traits: {persona: string}
context: {cart_size: int}
purposes: [analytics, marketing]
---
kind: score
id: engagement_score
type: engagement
terms: [{feature: 'decayed("page_view", "24h")', weight: 0.2}]
"""


def apply(text: str, *documents: DocumentInput, base: str = BASE) -> Applied:
    return Catalog.from_documents(1, {}).apply(
        [*split_documents(base + "\n---\n" + text), *documents], [], "author", "note", 7
    )


CONTENTS = """
kind: placement
id: hero
fallback: plain
---
kind: placement
id: side
---
kind: content
id: plain
payload: {hook: Hello}
score: {bias: 3}
---
kind: content
id: b
placements: [hero, side]
priority: 5
eligibility: context.cart_size > 2
purposes: [marketing]
score:
  terms: [{feature: profile.engagement_score, weight: 1.5}, {feature: session.is_new, weight: 2}]
---
kind: content
id: a
placements: [hero]
priority: 5
offer: true
variant: v
ttl: 15m
eligibility: context.cartSize > 2
purposes: [analytics, marketing]
score:
  type: logistic
  bias: 0.1
  terms: [{feature: 'count("x")', weight: -1}, {feature: session.is_new, weight: 4}]
payload: {z: 1, a: {y: true, b: [x, null]}, text: é, ratio: 0.5}
schedule: {startDate: 2024-01-01}
---
kind: content
id: off
placements: [hero]
schedule: {active: false}
---
kind: content
id: top
placements: [hero]
priority: 9
"""
