"""The sample application: writes and reads a migration's tables all the time, and knows what every row should be."""
