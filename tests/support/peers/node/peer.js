// One end of a WebSocket connection, made by the ws library. The first line on standard input says
// what to be, each of the others what to do; each line on standard output tells what has happened.
// All lines are JSON, binary data is in base64. The process ends with its standard input.

"use strict";

const http = require("http");
const https = require("https");
const readline = require("readline");
const { WebSocket, WebSocketServer } = require("ws");

let websocket;

function tell(event, details) {
  process.stdout.write(JSON.stringify({ event, ...details }) + "\n");
}

function follow(end, headers) {
  websocket = end;
  end.on("message", (data, isBinary) =>
    tell("message", isBinary ? { binary: data.toString("base64") } : { text: data.toString() })
  );
  end.on("pong", (data) => tell("pong", { binary: data.toString("base64") }));
  end.on("close", (code, reason) => tell("close", { code, reason: reason.toString() }));
  end.on("error", (error) => tell("error", { message: error.message }));
  tell("open", { headers, subprotocol: end.protocol, extensions: end.extensions });
}

function deflate({ compression }) {
  if (!compression) return false;
  const forget = compression === "no context takeover";
  return {
    threshold: 0,
    // Nothing said is what allows the other end to ask; false would refuse.
    ...(forget && { clientNoContextTakeover: true, serverNoContextTakeover: true }),
  };
}

const roles = {
  client({ uri, subprotocols, headers, ca, ...wishes }) {
    const perMessageDeflate = deflate(wishes);
    const end = new WebSocket(uri, subprotocols, { perMessageDeflate, headers, ca });
    let response;
    end.on("upgrade", (message) => (response = message));
    end.on("open", () => follow(end, response.headers));
  },

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
    sockets.on("connection", (end, request) => follow(end, request.headers));
    server.listen(0, "127.0.0.1", () => tell("listening", { port: server.address().port }));
  },
};

const commands = {
  send: ({ text, binary, final }) =>
    websocket.send(text ?? Buffer.from(binary, "base64"), { fin: final }),
  ping: ({ binary }) => websocket.ping(Buffer.from(binary, "base64")),
  close: ({ code, reason }) => websocket.close(code, reason),
};

const lines = readline.createInterface({ input: process.stdin });
lines.once("line", (line) => {
  const { role, ...wishes } = JSON.parse(line);
  roles[role](wishes);
  lines.on("line", (line) => {
    const { command, ...details } = JSON.parse(line);
    commands[command](details);
  });
});
lines.on("close", () => process.exit());
