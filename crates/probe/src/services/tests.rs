//! Tests of the section on made-up machines.
