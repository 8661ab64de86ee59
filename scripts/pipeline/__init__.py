"""The spec pipeline: published page → vendored JSON → built contract → generated client."""
