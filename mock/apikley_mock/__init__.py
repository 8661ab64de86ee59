"""A simulator that stands in for the Apikley API, offline.

It shares the contract with the client, and no line of code: neither can hide the other's mistake.
"""
