//! One contract, many transports: a communication SDK for services.
