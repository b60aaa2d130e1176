"""The demo backend: a quote ticker with REST, WebSocket and Socket.IO. The integration tests run against it as well."""
