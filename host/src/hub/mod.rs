//! stub of the hub part
