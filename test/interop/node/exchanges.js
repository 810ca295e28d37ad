// The exchanges with MQTT.js. Nothing here is of Node alone: main.js runs them there, and page.html in a browser.

import mqtt from 'mqtt'

let broker, version, prefix // of this run
const patience = 30_000 // milliseconds for anything that must happen

function check(fact, what) {
  if (!fact) throw new Error(what)
}

const show = JSON.stringify

async function within(promise, what) {
  let timer
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${patience} ms for ${what}`)), patience)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

const bytes = (payload) => typeof payload === 'string' ? new TextEncoder().encode(payload) : payload
const same = (a, b) => a.length === b.length && a.every((byte, i) => byte === b[i])
const head = (payload) => new TextDecoder().decode(payload.subarray(0, 20))

// The arguments of the next event, or the error that comes before it.
function next(emitter, event) {
  return new Promise((resolve, reject) => {
    emitter.once(event, (...args) => resolve(args))
    emitter.once('error', reject)
  })
}

// A connected client whose messages wait in a queue.
class Client {
  static async dial(name, { clean = true, expiry, will, aliases } = {}) {
    const client = new Client()
    const properties = version === 5 ? { sessionExpiryInterval: expiry, topicAliasMaximum: aliases } : undefined
    client.messages = []
    client.wanted = []
    client.mqtt = mqtt.connect({
      ...broker, clean, properties,
      clientId: name && prefix + name,
      protocolVersion: version,
      protocolId: version === 3 ? 'MQIsdp' : 'MQTT',
      reconnectPeriod: 0,
      resubscribe: false,
      will: will && { topic: will, payload: 'gone', qos: 1 },
    })
    client.mqtt.on('message', (topic, payload, { qos, retain, properties }) => {
      const message = { topic, payload, qos, retain, properties }
      const wanted = client.wanted.shift()
      if (wanted) wanted(message)
      else client.messages.push(message)
    })
    const [connack] = await within(next(client.mqtt, 'connect'), 'CONNACK')
    client.mqtt.on('error', (err) => console.log(`${name}: ${err.stack}`))
    client.present = connack.sessionPresent
    return client
  }

  async take(what) {
    if (this.messages.length > 0) return this.messages.shift()
    return within(new Promise((resolve) => this.wanted.push(resolve)), what)
  }

  async subscribe(filter, qos, identifier) {
    const properties = identifier ? { subscriptionIdentifier: identifier } : undefined
    const granted = await within(this.mqtt.subscribeAsync(filter, { qos, properties }), 'SUBACK')
    check(granted.length === 1 && granted[0].qos === qos, `granted is ${show(granted)}`)
  }

  async publish(topic, payload, { qos = 1, retain = false, properties } = {}) {
    await within(this.mqtt.publishAsync(topic, payload, { qos, retain, properties }), `the end of PUBLISH with QoS ${qos}`)
  }

  async expect(topic, payload, attributes = {}) {
    const want = bytes(payload)
    const m = await this.take(`${head(want)} on ${topic}`)
    check(m.topic === topic, `topic is ${m.topic}, want ${topic}`)
    check(same(m.payload, want), `${m.payload.length} bytes ${head(m.payload)}, want ${want.length} bytes ${head(want)}`)
    for (const [name, value] of Object.entries(attributes)) {
      check(m[name] === value, `${name} of ${head(want)} is ${m[name]}, want ${value}`)
    }
    return m
  }

  async disconnect() {
    await within(this.mqtt.endAsync(), 'the end of the connection')
  }

  // Ends the connection without DISCONNECT.
  async vanish() {
    const closed = next(this.mqtt, 'close')
    this.mqtt.stream.destroy()
    await within(closed, 'the end of the connection')
    await within(this.mqtt.endAsync(true), 'the end of the client')
  }
}

async function leave(...clients) {
  for (const c of clients) await c.disconnect()
}

const numbered = (n, word = 'message') => Array.from({ length: n }, (_, i) => `${word} ${i}`)

async function delivered(topic, qos) {
  const sub = await Client.dial('s'), pub = await Client.dial('p')
  await sub.subscribe(topic, qos)
  for (const payload of numbered(10)) await pub.publish(topic, payload, { qos })
  for (const payload of numbered(10)) await sub.expect(topic, payload, { qos, retain: false })
  await leave(sub, pub)
}

async function sized(topic, size) {
  const payload = Uint8Array.from({ length: size }, (_, i) => i % 251)
  const sub = await Client.dial('s'), pub = await Client.dial('p')
  await sub.subscribe(topic, 2)
  for (const qos of [0, 1, 2]) {
    await pub.publish(topic, payload, { qos })
    await sub.expect(topic, payload, { qos })
  }
  await leave(sub, pub)
}

const exchanges = {
  qos0: (topic) => delivered(topic, 0),
  qos1: (topic) => delivered(topic, 1),
  qos2: (topic) => delivered(topic, 2),
  large: (topic) => sized(topic, 1_000_000),
  largest: (topic) => sized(topic, 1_999_900),

  async retained(topic) {
    const live = await Client.dial('l'), pub = await Client.dial('p')
    await live.subscribe(topic, 1)
    await pub.publish(topic, 'kept', { retain: true })
    await live.expect(topic, 'kept', { retain: false })
    const late = await Client.dial('s')
    await late.subscribe(topic, 1)
    await late.expect(topic, 'kept', { retain: true })
    await pub.publish(topic, '', { retain: true })
    await live.expect(topic, '', { retain: false })
    const later = await Client.dial('t')
    await later.subscribe(topic, 1)
    await pub.publish(topic, 'marker')
    await later.expect(topic, 'marker', { retain: false })
    await leave(live, pub, late, later)
  },

  async will(topic) {
    const observer = await Client.dial('o')
    await observer.subscribe(topic, 1)
    await (await Client.dial('w', { will: topic })).vanish()
    await observer.expect(topic, 'gone', { qos: 1, retain: false })
    await leave(await Client.dial('w', { will: topic }))
    const again = await Client.dial('w')
    await again.publish(topic, 'marker')
    await observer.expect(topic, 'marker')
    await leave(again, observer)
  },

  async session(topic) {
    await leave(await Client.dial('s')) // whatever was there
    const first = await Client.dial('s', { clean: false, expiry: 300 })
    check(!first.present, 'session present at the first connection')
    await first.subscribe(`${topic}/1`, 1)
    await first.subscribe(`${topic}/2`, 2)
    await leave(first)
    const pub = await Client.dial('p')
    for (const payload of numbered(5)) {
      for (const qos of [1, 2]) await pub.publish(`${topic}/${qos}`, payload, { qos })
    }
    const second = await Client.dial('s', { clean: false, expiry: 300 })
    check(second.present === version >= 4, `session present is ${second.present}`) // 3.1 has no such flag
    const got = { 1: [], 2: [] } // a message of QoS 2 is seen when its PUBREL comes, so each QoS has its own order
    for (let i = 0; i < 10; i++) {
      const m = await second.take('an offline message')
      check(m.topic === `${topic}/${m.qos}`, `QoS on ${m.topic} is ${m.qos}`)
      got[m.qos].push(m.payload.toString())
    }
    for (const qos of [1, 2]) check(show(got[qos]) === show(numbered(5)), `QoS ${qos} brought ${show(got[qos])}`)
    await leave(second)
    const third = await Client.dial('s')
    check(!third.present, 'session present after a clean start')
    await pub.publish(`${topic}/1`, 'nobody')
    await third.subscribe(`${topic}/1`, 1)
    await pub.publish(`${topic}/1`, 'marker')
    await third.expect(`${topic}/1`, 'marker')
    await leave(third, pub)
  },

  async assigned(topic) {
    const sub = await Client.dial(''), pub = await Client.dial('')
    await sub.subscribe(topic, 1)
    await pub.publish(topic, 'hello')
    await sub.expect(topic, 'hello')
    await leave(sub, pub)
  },

  async request(topic) {
    const responder = await Client.dial('r'), requester = await Client.dial('q')
    const correlationData = Uint8Array.from([0, 1, 255]), responseTopic = `${topic}/answer`
    await responder.subscribe(topic, 1)
    await requester.subscribe(responseTopic, 1)
    await requester.publish(topic, 'question', {
      properties: {
        responseTopic, correlationData, contentType: 'text/plain', payloadFormatIndicator: true,
        userProperties: { a: ['1', '3'], b: '2' },
      },
    })
    const question = (await responder.expect(topic, 'question')).properties
    check(question.contentType === 'text/plain', `content type is ${question.contentType}`)
    check(question.payloadFormatIndicator === true, `payload format indicator is ${question.payloadFormatIndicator}`)
    check(show(question.userProperties) === '{"a":["1","3"],"b":"2"}', `user properties are ${show(question.userProperties)}`)
    await responder.publish(question.responseTopic, 'answer', { properties: { correlationData: question.correlationData } })
    const answer = (await requester.expect(responseTopic, 'answer')).properties
    check(same(correlationData, answer.correlationData), `correlation data is ${show(answer.correlationData)}`)
    await leave(responder, requester)
  },

  async expiry(topic) {
    const pub = await Client.dial('p'), sub = await Client.dial('s')
    await sub.subscribe(topic, 1)
    await pub.publish(topic, 'fresh', { properties: { messageExpiryInterval: 100 } })
    const { properties: fresh } = await sub.expect(topic, 'fresh')
    check(fresh.messageExpiryInterval >= 90 && fresh.messageExpiryInterval <= 100,
      `message expiry interval is ${fresh.messageExpiryInterval}`)
    const end = Date.now() + patience, retained = `${topic}/retained`
    await pub.publish(retained, 'stale', { retain: true, properties: { messageExpiryInterval: 1 } })
    for (let stale = true; stale;) { // it is handed out until it has expired
      await sub.subscribe(retained, 1)
      await pub.publish(retained, 'marker')
      stale = (await sub.take('the marker')).payload.toString() !== 'marker'
      if (stale) await sub.expect(retained, 'marker')
      check(Date.now() < end, 'the retained message does not expire')
    }
    await leave(pub, sub)
  },

  async identifiers(topic) {
    const pub = await Client.dial('p'), sub = await Client.dial('s')
    await sub.subscribe(`${topic}/#`, 1, 7)
    await sub.subscribe(`${topic}/+`, 1, 268435455)
    await pub.publish(`${topic}/a`, 'twice')
    await pub.publish(`${topic}/b`, 'marker')
    let got = []
    while (got.length < 2) {
      const m = await sub.expect(`${topic}/a`, 'twice')
      got = got.concat(m.properties.subscriptionIdentifier) // a number, or several
    }
    got.sort((a, b) => a - b)
    check(show(got) === '[7,268435455]', `subscription identifiers are ${show(got)}`)
    await leave(pub, sub)
  },

  async sessionexpiry() {
    await leave(await Client.dial('s'))
    await leave(await Client.dial('s', { clean: false, expiry: 300 }))
    const within = await Client.dial('s', { clean: false, expiry: 0 })
    check(within.present, 'no session present within the session expiry interval')
    await leave(within)
    const after = await Client.dial('s', { clean: false, expiry: 0 })
    check(!after.present, 'session present after a session expiry interval of 0')
    await leave(after)
  },

  async shared(topic) {
    const members = [await Client.dial('m1'), await Client.dial('m2')], pub = await Client.dial('p')
    for (const m of members) await m.subscribe(`$share/group/${topic}`, 1)
    for (const payload of numbered(20)) await pub.publish(topic, payload)
    for (const m of members) await m.subscribe(`${topic}/end`, 1) // comes after all that went before
    await pub.publish(`${topic}/end`, 'end')
    const shares = []
    for (const m of members) {
      const share = []
      for (let got; (got = await m.take('the end')).topic === topic;) share.push(got.payload.toString())
      check(share.length > 0, 'a member got nothing')
      shares.push(...share)
    }
    check(show(shares.sort()) === show(numbered(20).sort()), `the members got ${show(shares)}`)
    await leave(...members, pub)
  },

  async alias(topic) { // the broker's aliases towards us are resolved by the library
    const pub = await Client.dial('p'), sub = await Client.dial('s', { aliases: 5 })
    await sub.subscribe(topic, 1)
    for (const name of [topic, '', '']) await pub.publish(name, 'hello', { properties: { topicAlias: 1 } })
    for (let i = 0; i < 3; i++) await sub.expect(topic, 'hello')
    await leave(sub, pub)
  },
}

// Runs exchanges with the broker that MQTT.js is told of in such options, and prints a line for each. It returns whether
// all are well.
export async function run(options, versionText, prefixText, names, print) {
  broker = options
  version = Number(versionText)
  prefix = prefixText
  let well = true
  for (const name of names) {
    try {
      await exchanges[name](`${prefix}/${name}`)
      print(`ok ${name}`)
    } catch (err) {
      well = false
      print(`failed ${name}: ${err.stack}`)
    }
  }
  return well
}
