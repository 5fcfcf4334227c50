"""The shard format and the prepared dataset: writer, reader, manifest."""
