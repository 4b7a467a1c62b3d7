//! The httpd example as a child process, driven over real sockets.

mod connections;
mod files;
mod refusals;
mod support;
