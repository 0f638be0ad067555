"""The agent's own version: in every heartbeat and in the User-Agent."""

VERSION = "0.1.0"
