"""A server of the files in a folder, on a free port of the loopback interface, good and bad.

file_server.py FOLDER prints the port and serves until it is killed. The first part of an address says how:
ranges: as asked for; whole: without ranges; broken: breaks off after two fifths of what is left; short: leaves out the
last byte and does not say so; redirect: elsewhere; anything else: 404. Each request's range is a line of requests.txt.
"""

import http.server
import os
import re
import sys

FOLDER = sys.argv[1]


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        _, manner, name = self.path.split("/", 2)
        wanted = self.headers.get("Range", "")
        with open(os.path.join(FOLDER, "requests.txt"), "a", encoding="utf-8") as log:
            log.write(f"{manner} {wanted}\n")
        if manner == "redirect":
            self.send_response(302)
            self.send_header("Location", f"/ranges/{name}")
            self.end_headers()
            return
        path = os.path.join(FOLDER, name)
        if manner not in ("ranges", "whole", "broken", "short") or not os.path.exists(path):
            self.send_error(404)
            return
        with open(path, "rb") as file:
            content = file.read()
        first = re.fullmatch(r"bytes=(\d+)-", wanted)
        if first and manner in ("ranges", "broken"):
            start = int(first[1])
            if start >= len(content):
                self.send_error(416)
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            content = content[start:]
        else:
            self.send_response(200)
        if manner == "short":
            content = content[:-1]
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[:-(-2 * len(content) // 5)] if manner == "broken" and len(content) > 5 else content)


server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
