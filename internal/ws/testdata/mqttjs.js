// Usage: mqttjs.js URL VERSION: MQTT.js sends itself messages of every QoS, one of them large.
const mqtt = require("mqtt");
const [url, version] = process.argv.slice(2);
const client = mqtt.connect(url, {
  protocolVersion: Number(version),
  protocolId: version === "3" ? "MQIsdp" : "MQTT",
  reconnectPeriod: 0,
  wsOptions: version === "3" ? { protocol: "mqttv3.1" } : {},
});
const payloads = ["small", "x".repeat(70000), "y".repeat(1000000)];
const wanted = []; // in any order: there is one for each QoS
client.on("error", (err) => {
  console.error(err.message);
  process.exit(1);
});
client.on("message", (topic, payload) => {
  const i = wanted.indexOf(payload.toString());
  if (i < 0) {
    console.error(`got ${payload.length} bytes that were not sent`);
    process.exit(1);
  }
  wanted.splice(i, 1);
  if (wanted.length === 0) client.end(false, () => console.log("all arrived"));
});
client.on("connect", () =>
  client.subscribe("a" + version, { qos: 2 }, () => {
    for (const qos of [0, 1, 2])
      for (const payload of payloads) {
        wanted.push(payload);
        client.publish("a" + version, payload, { qos });
      }
  }),
);
