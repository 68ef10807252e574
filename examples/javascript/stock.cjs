// Reads what is in stock, publishes a figure that is right and one that is not, and reads why the
// latter was refused. With MQTT.js (npm package mqtt) under Node:
//
//     node stock.cjs [mqtts://localhost:8883 | wss://localhost:8084]
//
// The account backoffice and the authority are those of `make run`. RUN names another folder than
// build/run that has ca.crt and credentials. CA and PASSWORD name the authority and the password one
// by one. In a browser connect to wss:// and leave out `ca`: the browser itself must trust the
// authority (docs/clients.md says how).
const fs = require("fs");
const path = require("path");
const mqtt = require("mqtt");

// The id begins with the user's name and a slash. In a browser take a random number of its own.
const clientId = `backoffice/stock-${process.pid}`;
const notices = `refusals/backoffice/${encodeURIComponent(clientId)}`;

const run = process.env.RUN || path.join(__dirname, "../../build/run");

function password() {
  const line = /^backoffice (.*)$/m;
  return process.env.PASSWORD ?? fs.readFileSync(path.join(run, "credentials"), "utf8").match(line)[1];
}

const client = mqtt.connect(process.argv[2] ?? "mqtts://localhost:8883", {
  protocolVersion: 5,
  clientId,
  username: "backoffice",
  password: password(),
  ca: fs.readFileSync(process.env.CA || path.join(run, "ca.crt")),
});

client.on("connect", async () => {
  await client.subscribeAsync(["inventory/+/stock", notices], { qos: 1 });
  const stock = { productId: "xyz789", quantity: 42, updatedAt: new Date().toISOString() };
  await client.publishAsync("inventory/xyz789/stock", JSON.stringify(stock), { qos: 1 });
  try {
    stock.quantity = -1;
    await client.publishAsync("inventory/xyz789/stock", JSON.stringify(stock), { qos: 1 });
  } catch (error) {
    console.log("refused:", error.code); // 135, Not authorized
  }
});

client.on("message", (topic, payload) => {
  const message = JSON.parse(payload);

  if (topic !== notices) {
    console.log(topic, message.quantity);
    return;
  }
  console.log("because:", message.detail, message.errors[0].field);
  client.end();
});

client.on("error", (error) => {
  console.error("not connected:", error.message);
  process.exitCode = 1;
  client.end(true); // or it would try again for ever
});
