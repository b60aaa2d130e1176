"""What the integration tests share: the real proxy, real and scripted backends, and clients that write exact bytes."""
