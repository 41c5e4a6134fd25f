"""The health check of our images, which carry no curl: `healthcheck.py 8000/readyz` succeeds if that answers 200."""

import sys
import urllib.request

if __name__ == "__main__":
    with urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[1]}", timeout=4) as answer:
        sys.exit(answer.status != 200)
