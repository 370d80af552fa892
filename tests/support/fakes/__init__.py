"""The services that the app talks to, as strict servers on loopback with faults on demand."""
