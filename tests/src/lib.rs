//! The home of the integration tests; they are one binary, `it`, so that the query engine is linked once.
