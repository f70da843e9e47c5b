// One end of a WebSocket connection, made by the ws library, for each connection to the port that the
// first line on standard output tells. There, the first line says what to be, each of the others what
// to do; each line of an answer tells what has happened. All lines are JSON, binary data is in base64.
// An end is dropped when its connection ends, and the process ends with its standard input.

"use strict";

const http = require("http");
const https = require("https");
const net = require("net");
const readline = require("readline");
const { WebSocket, WebSocketServer } = require("ws");

function deflate({ compression }) {
  if (!compression) return false;
  const forget = compression === "no context takeover";
  return {
    threshold: 0,
    // Nothing said is what allows the other end to ask; false would refuse.
    ...(forget && { clientNoContextTakeover: true, serverNoContextTakeover: true }),
  };
}

class End {
  constructor(control) {
    this.control = control;
    this.drops = [];
  }

  tell(event, details) {
    if (this.control.writable) this.control.write(JSON.stringify({ event, ...details }) + "\n");
  }

  follow(websocket, headers) {
    this.websocket = websocket;
    websocket.on("message", (data, isBinary) =>
      this.tell(
        "message",
        isBinary ? { binary: data.toString("base64") } : { text: data.toString() }
      )
    );
    websocket.on("pong", (data) => this.tell("pong", { binary: data.toString("base64") }));
    websocket.on("close", (code, reason) =>
      this.tell("close", { code, reason: reason.toString() })
    );
    websocket.on("error", (error) => this.tell("error", { message: error.message }));
    this.tell("open", {
      headers,
      subprotocol: websocket.protocol,
      extensions: websocket.extensions,
    });
  }

  drop() {
    for (const drop of this.drops) drop();
    this.control.end();
  }

  // What to be

  client({ uri, subprotocols, headers, ca, ...wishes }) {
    const perMessageDeflate = deflate(wishes);
    const websocket = new WebSocket(uri, subprotocols, { perMessageDeflate, headers, ca });
    let response;
    websocket.on("upgrade", (message) => (response = message));
    websocket.on("open", () => this.follow(websocket, response.headers));
    websocket.on("error", (error) => this.tell("error", { message: error.message }));
    this.drops.push(() => websocket.terminate());
  }

  server({ subprotocols, headers, cert, key, ...wishes }) {
    const server = cert ? https.createServer({ cert, key }) : http.createServer();
    const sockets = new WebSocketServer({
      server,
      perMessageDeflate: deflate(wishes),
      handleProtocols: (offers) => subprotocols.find((name) => offers.has(name)) || false,
    });
    sockets.on("headers", (lines) => {
      for (const name in headers) lines.push(`${name}: ${headers[name]}`);
    });
    sockets.on("connection", (websocket, request) => this.follow(websocket, request.headers));
    server.on("connection", (socket) => this.drops.push(() => socket.destroy()));
    server.listen(0, "127.0.0.1", () => this.tell("listening", { port: server.address().port }));
    this.drops.push(() => server.close());
  }

  // What to do

  send({ text, binary, final }) {
    this.websocket.send(text ?? Buffer.from(binary, "base64"), { fin: final });
  }

  ping({ binary }) {
    this.websocket.ping(Buffer.from(binary, "base64"));
  }

  close({ code, reason }) {
    this.websocket.close(code, reason);
  }
}

const ends = net.createServer({ allowHalfOpen: true }, (control) => {
  const end = new End(control);
  const lines = readline.createInterface({ input: control });
  lines.once("line", (line) => {
    const { role, ...wishes } = JSON.parse(line);
    end[role](wishes);
    lines.on("line", (line) => {
      const { command, ...details } = JSON.parse(line);
      end[command](details);
    });
  });
  lines.on("close", () => end.drop());
  control.on("error", () => end.drop());
});
ends.listen(0, "127.0.0.1", () => console.log(ends.address().port));

process.stdin.on("end", () => process.exit());
process.stdin.resume();
