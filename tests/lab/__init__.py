"""The laboratory that the tests in Python share: namespaces, links, packets, programs and checks."""
