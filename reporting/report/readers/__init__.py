"""From the folder of a run to what the report shows of it: one reader a benchmark."""
