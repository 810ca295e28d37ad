"""Runs exchanges with paho-mqtt for Python: exchanges.py HOST PORT VERSION PREFIX EXCHANGE..."""

import hashlib
import queue
import sys
import time

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

HOST, PORT, VERSION, PREFIX = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
V5 = VERSION == 5
PATIENCE = 30  # seconds for anything that must happen


class Failed(Exception):
    pass


def check(fact, what):
    if not fact:
        raise Failed(what)


def take(q, what):
    try:
        return q.get(timeout=PATIENCE)
    except queue.Empty:
        raise Failed(f"waited {PATIENCE} s for {what}") from None


def properties(kind, **values):
    if not V5:
        return None
    p = Properties(kind)
    for name, value in values.items():
        setattr(p, name, value)
    return p


class Client:
    """A connected client whose messages wait in a queue."""

    def __init__(self, name, clean=True, expiry=None, will=None):
        self.messages, self.connected, self.acks = queue.Queue(), queue.Queue(), queue.Queue()
        self.ended = queue.Queue()
        args = {} if V5 else {"clean_session": clean}
        if hasattr(mqtt, "CallbackAPIVersion"):  # from version 2 of the library on
            args["callback_api_version"] = mqtt.CallbackAPIVersion.VERSION1
        c = mqtt.Client(client_id=PREFIX + name if name else "", protocol=VERSION, **args)
        c.on_connect = lambda _c, _u, flags, code, *_p: self.connected.put((flags, code))
        c.on_disconnect = lambda *_: self.ended.put(True)
        c.on_message = lambda _c, _u, m: self.messages.put(m)
        c.on_subscribe = lambda _c, _u, mid, codes, *_p: self.acks.put((mid, codes))
        if will:
            c.will_set(will, b"gone", qos=1)
        self.mqtt = c
        p = properties(PacketTypes.CONNECT)
        if V5 and expiry is not None:
            p.SessionExpiryInterval = expiry
        if V5:
            c.connect(HOST, PORT, keepalive=60, clean_start=clean, properties=p)
        else:
            c.connect(HOST, PORT, keepalive=60)
        c.loop_start()
        flags, code = take(self.connected, "CONNACK")
        check(int(getattr(code, "value", code)) == 0, f"CONNACK says {code}")
        self.present = bool(flags["session present"])

    def subscribe(self, filter, qos, identifier=None):
        if V5:
            p = properties(PacketTypes.SUBSCRIBE)
            if identifier:
                p.SubscriptionIdentifier = identifier
            _, mid = self.mqtt.subscribe(filter, options=SubscribeOptions(qos=qos), properties=p)
        else:
            _, mid = self.mqtt.subscribe(filter, qos)
        got, codes = take(self.acks, "SUBACK")
        check(got == mid, f"SUBACK {got} for SUBSCRIBE {mid}")
        check([int(getattr(c, "value", c)) for c in codes] == [qos], f"SUBACK says {codes}")

    def publish(self, topic, payload, qos=1, retain=False, **values):
        info = self.mqtt.publish(topic, payload, qos, retain, properties(PacketTypes.PUBLISH, **values))
        info.wait_for_publish(PATIENCE)
        check(info.is_published(), f"PUBLISH to {topic} with QoS {qos} was not acknowledged")

    def expect(self, topic, payload, **attributes):
        m = take(self.messages, f"{payload[:20]!r} on {topic}")
        check(m.topic == topic, f"topic is {m.topic}, want {topic}")
        same = hashlib.sha256(m.payload).digest() == hashlib.sha256(payload).digest()
        check(same, f"payload of {len(m.payload)} bytes {m.payload[:20]!r}, want {len(payload)} bytes {payload[:20]!r}")
        for name, want in attributes.items():
            check(getattr(m, name) == want, f"{name} of {payload[:20]!r} is {getattr(m, name)}, want {want}")
        return m

    def disconnect(self):
        self.mqtt.disconnect()
        take(self.ended, "the end of the connection")
        self.mqtt.loop_stop()

    def vanish(self):
        """Ends the connection without DISCONNECT."""
        self.mqtt.loop_stop()
        self.mqtt.socket().close()


def delivered(topic, qos):
    sub, pub = Client("s"), Client("p")
    sub.subscribe(topic, qos)
    for i in range(10):
        pub.publish(topic, b"message %d" % i, qos)
    for i in range(10):
        sub.expect(topic, b"message %d" % i, qos=qos, retain=False)
    sub.disconnect()
    pub.disconnect()


def qos0(topic):
    delivered(topic, 0)


def qos1(topic):
    delivered(topic, 1)


def qos2(topic):
    delivered(topic, 2)


def retained(topic):
    live, pub = Client("l"), Client("p")
    live.subscribe(topic, 1)
    pub.publish(topic, b"kept", retain=True)
    live.expect(topic, b"kept", retain=False)
    late = Client("s")
    late.subscribe(topic, 1)
    late.expect(topic, b"kept", retain=True)
    pub.publish(topic, b"", retain=True)
    live.expect(topic, b"", retain=False)
    later = Client("t")
    later.subscribe(topic, 1)
    pub.publish(topic, b"marker")
    later.expect(topic, b"marker", retain=False)
    for c in (live, pub, late, later):
        c.disconnect()


def will(topic):
    observer = Client("o")
    observer.subscribe(topic, 1)
    Client("w", will=topic).vanish()
    observer.expect(topic, b"gone", qos=1)
    Client("w", will=topic).disconnect()
    again = Client("w")
    again.publish(topic, b"marker")
    observer.expect(topic, b"marker")
    again.disconnect()
    observer.disconnect()


def sized(topic, size):
    payload = bytes(range(251)) * (size // 251 + 1)
    payload = payload[:size]
    sub, pub = Client("s"), Client("p")
    sub.subscribe(topic, 2)
    for qos in (0, 1, 2):
        pub.publish(topic, payload, qos)
        sub.expect(topic, payload, qos=qos)
    sub.disconnect()
    pub.disconnect()


def large(topic):
    sized(topic, 1_000_000)


def largest(topic):
    sized(topic, 1_999_900)


def session(topic):
    Client("s").disconnect()  # whatever was there
    first = Client("s", clean=False, expiry=300)
    check(not first.present, "session present at the first connection")
    first.subscribe(topic + "/1", 1)
    first.subscribe(topic + "/2", 2)
    first.disconnect()
    pub = Client("p")
    for i in range(5):
        pub.publish(topic + "/1", b"one %d" % i, 1)
        pub.publish(topic + "/2", b"two %d" % i, 2)
    second = Client("s", clean=False, expiry=300)
    check(second.present == (VERSION >= 4), f"session present is {second.present}")  # 3.1 has no such flag
    got = [take(second.messages, "an offline message") for _ in range(10)]
    for qos, word in ((1, "one"), (2, "two")):  # one of QoS 2 is seen when its PUBREL comes, so each QoS has its own order
        payloads = [m.payload.decode() for m in got if m.topic == f"{topic}/{qos}" and m.qos == qos]
        check(payloads == [f"{word} {i}" for i in range(5)], f"offline messages of QoS {qos} are {payloads}")
    second.disconnect()
    third = Client("s")
    check(not third.present, "session present after a clean start")
    pub.publish(topic + "/1", b"nobody")
    third.subscribe(topic + "/1", 1)
    pub.publish(topic + "/1", b"marker")
    third.expect(topic + "/1", b"marker")
    third.disconnect()
    pub.disconnect()


def request(topic):
    responder, requester = Client("r"), Client("q")
    responder.subscribe(topic, 1)
    requester.subscribe(topic + "/answer", 1)
    requester.publish(topic, b"question", ResponseTopic=topic + "/answer", CorrelationData=b"\x00\x01\xff",
                      ContentType="text/plain", PayloadFormatIndicator=1,
                      UserProperty=[("a", "1"), ("b", "2"), ("a", "3")])
    p = responder.expect(topic, b"question").properties
    check(p.ContentType == "text/plain" and p.PayloadFormatIndicator == 1, f"properties are {p}")
    check(p.UserProperty == [("a", "1"), ("b", "2"), ("a", "3")], f"user properties are {p.UserProperty}")
    responder.publish(p.ResponseTopic, b"answer", CorrelationData=p.CorrelationData)
    p = requester.expect(topic + "/answer", b"answer").properties
    check(p.CorrelationData == b"\x00\x01\xff", f"correlation data is {p.CorrelationData}")
    responder.disconnect()
    requester.disconnect()


def expiry(topic):
    pub, sub = Client("p"), Client("s")
    sub.subscribe(topic, 1)
    pub.publish(topic, b"fresh", MessageExpiryInterval=100)
    m = sub.expect(topic, b"fresh")
    check(90 <= m.properties.MessageExpiryInterval <= 100, f"message expiry is {m.properties}")
    end = time.monotonic() + PATIENCE
    topic += "/stale"
    pub.publish(topic, b"stale", retain=True, MessageExpiryInterval=1)
    while True:  # it is handed out until it has expired
        sub.subscribe(topic, 1)
        pub.publish(topic, b"marker")
        if take(sub.messages, "the marker").payload == b"marker":
            break
        sub.expect(topic, b"marker")
        check(time.monotonic() < end, "the retained message does not expire")
    sub.disconnect()
    pub.disconnect()


def identifiers(topic):
    pub, sub = Client("p"), Client("s")
    sub.subscribe(topic + "/#", 1, identifier=7)
    sub.subscribe(topic + "/+", 1, identifier=268435455)
    pub.publish(topic + "/a", b"twice")
    pub.publish(topic + "/b", b"marker")
    got = []
    while sorted(got) != [7, 268435455]:
        m = sub.expect(topic + "/a", b"twice")
        got += m.properties.SubscriptionIdentifier
        check(len(got) <= 2, f"subscription identifiers are {got}")
    sub.disconnect()
    pub.disconnect()


def sessionexpiry(topic):
    Client("s").disconnect()
    Client("s", clean=False, expiry=300).disconnect()
    c = Client("s", clean=False, expiry=0)
    check(c.present, "no session present within the session expiry interval")
    c.disconnect()
    c = Client("s", clean=False, expiry=0)
    check(not c.present, "session present after a session expiry interval of 0")
    c.disconnect()


def shared(topic):
    members, pub = [Client("m1"), Client("m2")], Client("p")
    for m in members:
        m.subscribe("$share/group/" + topic, 1)
    want = [b"message %d" % i for i in range(20)]
    for payload in want:
        pub.publish(topic, payload)
    for m in members:  # each gets this after all that came before
        m.subscribe(topic + "/end", 1)
    pub.publish(topic + "/end", b"end")
    shares = []
    for m in members:
        shares.append([])
        while (got := take(m.messages, "the end")).payload != b"end":
            shares[-1].append(got.payload)
    check(sorted(shares[0] + shares[1]) == sorted(want), f"the members got {shares}")
    check(shares[0] and shares[1], f"the members got {shares}")
    for c in (*members, pub):
        c.disconnect()


def alias(topic):
    sub, pub = Client("s"), Client("p")
    sub.subscribe(topic, 1)
    pub.publish(topic, b"by name", TopicAlias=1)
    pub.publish("", b"by alias", TopicAlias=1)
    sub.expect(topic, b"by name")
    sub.expect(topic, b"by alias")
    sub.disconnect()
    pub.disconnect()


def assigned(topic):
    sub, pub = Client(""), Client("")
    sub.subscribe(topic, 1)
    pub.publish(topic, b"hello")
    sub.expect(topic, b"hello")
    sub.disconnect()
    pub.disconnect()


EXCHANGES = {f.__name__: f for f in (
    qos0, qos1, qos2, retained, will, large, largest, session, assigned,
    request, expiry, identifiers, sessionexpiry, shared, alias)}

failed = False
for name in sys.argv[5:]:
    try:
        EXCHANGES[name](f"{PREFIX}/{name}")
        print("ok", name, flush=True)
    except Exception as err:  # whatever it is belongs to this exchange
        failed = True
        print(f"failed {name}: {type(err).__name__}: {err}", flush=True)
sys.exit(failed)
