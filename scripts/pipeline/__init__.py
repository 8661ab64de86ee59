"""The spec pipeline: published page → vendored JSON → built contract → generated client.

Every function that reads or builds a document raises `issues.SpecError` if it refuses the document.
"""
