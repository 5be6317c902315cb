/* Names of enum values as conditions read them; the position is the number in kairos.v1.
 * tests/contract compares them. */
#ifndef KAIROS_NAMES_H
#define KAIROS_NAMES_H

static const char *const KAIROS_DEVICE_NAMES[] = {"", "mobile", "desktop", "tablet", "tv", "other"};
static const char *const KAIROS_CHANNEL_NAMES[] = {"",       "web", "app", "email",   "sms",
                                                   "push", "social", "ads", "webhook", "phone"};
static const char *const KAIROS_URGENCY_NAMES[] = {"", "low", "medium", "high", "critical"};
#endif
