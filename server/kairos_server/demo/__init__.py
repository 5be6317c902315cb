"""The demonstration: three packs of documents, two public data sets and a generator,
sent through gRPC.
"""
