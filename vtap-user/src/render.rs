//! How packets are shown: one folder per form. Each form goes over the layers that
//! [`dissect`](crate::dissect) finds.
//!
//! To add a form (JSON, fields), write its folder and its [output format](crate::output).

pub mod line;
