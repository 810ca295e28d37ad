package exchanges

import (
	"fmt"
	"slices"
	"time"
)

// all are the exchanges by name; the test that runs the program says what each shows.
var all = map[string]func(run){
	"qos0":          func(r run) { r.delivered(0) },
	"qos1":          func(r run) { r.delivered(1) },
	"qos2":          func(r run) { r.delivered(2) },
	"retained":      run.retained,
	"will":          run.will,
	"large":         func(r run) { r.sized(1_000_000) },
	"largest":       func(r run) { r.sized(1_999_900) },
	"session":       run.session,
	"assigned":      run.assigned,
	"request":       run.request,
	"expiry":        run.expiry,
	"identifiers":   run.identifiers,
	"sessionexpiry": run.sessionExpiry,
	"shared":        run.shared,
	"alias":         run.alias,
}

func (r run) delivered(qos byte) {
	sub, pub := r.join("s"), r.join("p")
	sub.subscribe(r.topic, qos)
	for _, payload := range numbered(10) {
		pub.publish(r.topic, payload, qos)
	}
	for _, payload := range numbered(10) {
		sub.expect(message(r.topic, payload, qos))
	}
	leave(sub, pub)
}

func (r run) retained() {
	live, pub := r.join("l"), r.join("p")
	live.subscribe(r.topic, 1)
	kept := Message{Topic: r.topic, Payload: []byte("kept"), QoS: 1, Retain: true}
	must(pub.Publish(kept))
	live.expect(message(r.topic, "kept", 1))
	late := r.join("s")
	late.subscribe(r.topic, 1)
	late.expect(kept)
	must(pub.Publish(Message{Topic: r.topic, QoS: 1, Retain: true}))
	live.expect(message(r.topic, "", 1))
	later := r.join("t")
	later.subscribe(r.topic, 1)
	pub.publish(r.topic, "marker", 1)
	later.expect(message(r.topic, "marker", 1))
	leave(live, pub, late, later)
}

func (r run) will() {
	observer := r.join("o")
	observer.subscribe(r.topic, 1)
	will := func(o *Options) { o.Will = r.topic }
	must(r.dial("w", will).Vanish())
	observer.expect(message(r.topic, "gone", 1))
	leave(r.dial("w", will))
	again := r.join("w")
	again.publish(r.topic, "marker", 1)
	observer.expect(message(r.topic, "marker", 1))
	leave(again, observer)
}

func (r run) sized(size int) {
	sub, pub := r.join("s"), r.join("p")
	sub.subscribe(r.topic, 2)
	for qos := range byte(3) {
		m := Message{Topic: r.topic, Payload: pattern(size), QoS: qos}
		must(pub.Publish(m))
		sub.expect(m)
	}
	leave(sub, pub)
}

func (r run) session() {
	keep := func(o *Options) { o.Clean, o.Expiry = false, 300 }
	topics := []string{1: r.topic + "/1", 2: r.topic + "/2"}
	leave(r.join("s")) // whatever was there
	sub, pub := r.dial("s", keep), r.join("p")
	check(!sub.Present(), "session present at the first connection")
	sub.subscribe(topics[1], 1)
	sub.subscribe(topics[2], 2)
	leave(sub)
	for _, payload := range numbered(5) {
		pub.publish(topics[1], payload, 1)
		pub.publish(topics[2], payload, 2)
	}
	sub = r.dial("s", keep)
	check(sub.Present() == (r.options.Version >= 4), "session present is %v", sub.Present()) // 3.1 has no such flag
	got := map[string][]string{}
	for range 10 { // a message of QoS 2 may be seen when its PUBREL comes, so each QoS has its own order
		m := sub.take("an offline message")
		check(m.QoS > 0 && m.Topic == topics[m.QoS], "QoS on %s is %d", m.Topic, m.QoS)
		got[m.Topic] = append(got[m.Topic], string(m.Payload))
	}
	equal(got[topics[1]], numbered(5), "offline messages of QoS 1")
	equal(got[topics[2]], numbered(5), "offline messages of QoS 2")
	must(sub.Reconnect())
	pub.publish(topics[2], "after a lost connection", 2)
	for m := sub.take("the message after a lost connection"); m.Topic != topics[2]; m = sub.take("the same") {
		check(m.QoS == 1, "%+v comes again", m) // QoS 1 may, if its acknowledgement was lost too
	}
	leave(sub)
	sub = r.join("s")
	check(!sub.Present(), "session present after a clean start")
	pub.publish(topics[1], "nobody", 1)
	sub.subscribe(topics[1], 1)
	pub.publish(topics[1], "marker", 1)
	sub.expect(message(topics[1], "marker", 1))
	leave(sub, pub)
}

func (r run) assigned() {
	sub, pub := r.join(""), r.join("")
	sub.subscribe(r.topic, 1)
	pub.publish(r.topic, "hello", 1)
	sub.expect(message(r.topic, "hello", 1))
	leave(sub, pub)
}

func (r run) request() {
	responder, requester := r.join("r"), r.join("q")
	question := Message{
		Topic: r.topic, Payload: []byte("question"), QoS: 1,
		UTF8: true, ContentType: "text/plain", ResponseTopic: r.topic + "/answer", CorrelationData: []byte{0, 1, 255},
		User: [][2]string{{"a", "1"}, {"b", "2"}, {"a", "3"}},
	}
	responder.subscribe(r.topic, 1)
	requester.subscribe(question.ResponseTopic, 1)
	must(requester.Publish(question))
	m := responder.expect(question)
	check(m.UTF8 && m.ContentType == question.ContentType && slices.Equal(m.User, question.User), "properties are %+v", m)
	answer := message(m.ResponseTopic, "answer", 1)
	answer.CorrelationData = m.CorrelationData
	must(responder.Publish(answer))
	m = requester.expect(message(question.ResponseTopic, "answer", 1))
	check(slices.Equal(m.CorrelationData, question.CorrelationData), "correlation data is %q", m.CorrelationData)
	leave(responder, requester)
}

func (r run) expiry() {
	pub, sub := r.join("p"), r.join("s")
	sub.subscribe(r.topic, 1)
	m := message(r.topic, "fresh", 1)
	m.Expiry = new(uint32(100))
	must(pub.Publish(m))
	m = sub.expect(message(r.topic, "fresh", 1))
	check(m.Expiry != nil && *m.Expiry >= 90 && *m.Expiry <= 100, "properties are %+v", m)
	stale := Message{Topic: r.topic + "/stale", Payload: []byte("stale"), QoS: 1, Retain: true, Expiry: new(uint32(1))}
	must(pub.Publish(stale))
	for deadline := time.Now().Add(Patience); ; { // it is handed out until it has expired
		sub.subscribe(stale.Topic, 1)
		pub.publish(stale.Topic, "marker", 1)
		if string(sub.take("the marker").Payload) == "marker" {
			break
		}
		sub.expect(message(stale.Topic, "marker", 1))
		check(time.Now().Before(deadline), "the retained message does not expire")
	}
	leave(pub, sub)
}

func (r run) identifiers() {
	pub, sub := r.join("p"), r.join("s")
	must(sub.Subscribe(r.topic+"/#", 1, 7))
	must(sub.Subscribe(r.topic+"/+", 1, 268435455))
	pub.publish(r.topic+"/a", "twice", 1)
	pub.publish(r.topic+"/b", "marker", 1)
	var got []int
	for len(got) < 2 {
		got = append(got, sub.expect(message(r.topic+"/a", "twice", 1)).Identifiers...)
	}
	slices.Sort(got)
	check(slices.Equal(got, []int{7, 268435455}), "subscription identifiers are %v", got)
	leave(pub, sub)
}

func (r run) sessionExpiry() {
	expiry := func(seconds uint32) func(*Options) {
		return func(o *Options) { o.Clean, o.Expiry = false, seconds }
	}
	leave(r.join("s"))
	leave(r.dial("s", expiry(300)))
	c := r.dial("s", expiry(0))
	check(c.Present(), "no session present within the session expiry interval")
	leave(c)
	c = r.dial("s", expiry(0))
	check(!c.Present(), "session present after a session expiry interval of 0")
	leave(c)
}

func (r run) shared() {
	members, pub := []peer{r.join("m1"), r.join("m2")}, r.join("p")
	for _, m := range members {
		m.subscribe("$share/group/"+r.topic, 1)
	}
	for _, payload := range numbered(20) {
		pub.publish(r.topic, payload, 1)
	}
	for _, m := range members { // comes after all that went before
		m.subscribe(r.topic+"/end", 1)
	}
	pub.publish(r.topic+"/end", "end", 1)
	var got []string
	for i, member := range members {
		before := len(got)
		for m := member.take("the end"); m.Topic == r.topic; m = member.take("the end") {
			got = append(got, string(m.Payload))
		}
		check(len(got) > before, "member %d got nothing", i+1)
	}
	slices.Sort(got)
	equal(got, numbered(20), "messages")
	leave(append(members, pub)...)
}

func (r run) alias() {
	sub, pub := r.join("s"), r.join("p")
	sub.subscribe(r.topic, 1)
	for i, name := range []string{r.topic, "", ""} {
		m := message(name, fmt.Sprint(i), 1)
		m.Alias = 1
		must(pub.Publish(m))
		sub.expect(message(r.topic, fmt.Sprint(i), 1))
	}
	leave(sub, pub)
}
