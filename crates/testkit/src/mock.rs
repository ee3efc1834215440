//! A channel with two ends for tests of layers, sessions and publishers.
