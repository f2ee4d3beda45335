//! Other people's sessions: functions, aggregates and the image table over `datafusion-ffi`.
