/* Runs exchanges with Eclipse Paho's C library: exchanges HOST PORT VERSION PREFIX EXCHANGE...
 * Each exchange is a process of its own, so that a failed one ends by exit and leaves nothing behind, and all run at
 * once, because the library looks at its sockets once a second. */
#include <MQTTAsync.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { patience = 30 }; /* seconds for anything that must happen */

static const char *exchange, *prefix;
static char uri[256];
static int version;

static void fail(const char *format, ...) {
	va_list args;
	printf("failed %s: ", exchange);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
	_exit(1);
}

#define check(fact, ...) \
	do { \
		if (!(fact)) fail(__VA_ARGS__); \
	} while (0)

struct received {
	struct received *next;
	char *topic;
	MQTTAsync_message *message;
};

struct client {
	MQTTAsync handle;
	int present; /* Session Present */
	pthread_mutex_t lock;
	pthread_cond_t more; /* a message, or the end of what was asked for */
	struct received *first, **last;
	int done, result, granted;
};

/* arrived runs in the library's thread. */
static int arrived(void *context, char *topic, int length, MQTTAsync_message *message) {
	struct client *c = context;
	struct received *r = calloc(1, sizeof *r);
	(void)length;
	r->topic = topic;
	r->message = message;
	pthread_mutex_lock(&c->lock);
	*c->last = r;
	c->last = &r->next;
	pthread_cond_signal(&c->more);
	pthread_mutex_unlock(&c->lock);
	return 1;
}

/* What the library's thread calls when that which was asked for has ended, in two forms of the protocol. */
static void ended(struct client *c, int result, int granted, int present) {
	pthread_mutex_lock(&c->lock);
	c->done = 1;
	c->result = result;
	c->granted = granted;
	c->present = present;
	pthread_cond_signal(&c->more);
	pthread_mutex_unlock(&c->lock);
}

static void connected(void *c, MQTTAsync_successData *data) { ended(c, 0, 0, data->alt.connect.sessionPresent); }
static void connected5(void *c, MQTTAsync_successData5 *data) { ended(c, 0, 0, data->alt.connect.sessionPresent); }
static void subscribed(void *c, MQTTAsync_successData *data) { ended(c, 0, data->alt.qos, 0); }
static void subscribed5(void *c, MQTTAsync_successData5 *data) { ended(c, 0, data->reasonCode, 0); }
static void done(void *c, MQTTAsync_successData *data) { (void)data, ended(c, 0, 0, 0); }
static void done5(void *c, MQTTAsync_successData5 *data) { (void)data, ended(c, 0, 0, 0); }
static void failed(void *c, MQTTAsync_failureData *data) { ended(c, data && data->code ? data->code : -1, 0, 0); }
static void failed5(void *c, MQTTAsync_failureData5 *data) {
	ended(c, data->reasonCode ? (int)data->reasonCode : data->code ? data->code : -1, 0, 0);
}

static struct timespec soon(void) {
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_sec += patience;
	return t;
}

/* settle waits for the end of what was asked for with the result rc. */
static void settle(struct client *c, int rc, const char *what) {
	struct timespec deadline = soon();
	check(rc == MQTTASYNC_SUCCESS, "%s: %d", what, rc);
	pthread_mutex_lock(&c->lock);
	while (!c->done)
		if (pthread_cond_timedwait(&c->more, &c->lock, &deadline)) fail("waited %d s for the end of %s", patience, what);
	c->done = 0;
	rc = c->result;
	pthread_mutex_unlock(&c->lock);
	check(rc == 0, "%s: %d", what, rc);
}

static struct received *take(struct client *c, const char *what) {
	struct timespec deadline = soon();
	struct received *r;
	pthread_mutex_lock(&c->lock);
	while (!c->first)
		if (pthread_cond_timedwait(&c->more, &c->lock, &deadline)) fail("waited %d s for %s", patience, what);
	r = c->first;
	c->first = r->next;
	if (!c->first) c->last = &c->first;
	pthread_mutex_unlock(&c->lock);
	return r;
}

static void release(struct received *r) {
	MQTTAsync_freeMessage(&r->message);
	MQTTAsync_free(r->topic);
	free(r);
}

static void number(MQTTProperties *to, enum MQTTPropertyCodes code, unsigned value) {
	MQTTProperty p;
	p.identifier = code;
	switch (MQTTProperty_getType(code)) {
	case MQTTPROPERTY_TYPE_BYTE: p.value.byte = value; break;
	case MQTTPROPERTY_TYPE_TWO_BYTE_INTEGER: p.value.integer2 = value; break;
	default: p.value.integer4 = value;
	}
	check(MQTTProperties_add(to, &p) == 0, "property %d", code);
}

static void text(MQTTProperties *to, enum MQTTPropertyCodes code, const char *name, const char *value) {
	MQTTProperty p;
	p.identifier = code;
	p.value.data.data = (char *)name;
	p.value.data.len = strlen(name);
	p.value.value.data = (char *)value;
	p.value.value.len = value ? strlen(value) : 0;
	check(MQTTProperties_add(to, &p) == 0, "property %d", code);
}

static int same(MQTTLenString s, const char *want) {
	return s.len == (int)strlen(want) && memcmp(s.data, want, s.len) == 0;
}

/* dial connects. expiry is for MQTT 5.0; negative: none. will is a topic or NULL. */
static struct client *dial(const char *name, int clean, int expiry, const char *will) {
	struct client *c = calloc(1, sizeof *c);
	MQTTAsync_createOptions create = MQTTAsync_createOptions_initializer;
	MQTTAsync_connectOptions connect3 = MQTTAsync_connectOptions_initializer;
	MQTTAsync_connectOptions connect5 = MQTTAsync_connectOptions_initializer5;
	MQTTAsync_connectOptions *connect = version == 5 ? &connect5 : &connect3;
	MQTTAsync_willOptions last = MQTTAsync_willOptions_initializer;
	MQTTProperties properties = MQTTProperties_initializer;
	char id[64] = "";
	int rc;
	if (*name) snprintf(id, sizeof id, "%s%s%s", prefix, exchange, name);
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->more, NULL);
	c->last = &c->first;
	create.MQTTVersion = version;
	rc = MQTTAsync_createWithOptions(&c->handle, uri, id, MQTTCLIENT_PERSISTENCE_NONE, NULL, &create);
	check(rc == 0, "create: %d", rc);
	check(MQTTAsync_setCallbacks(c->handle, c, NULL, arrived, NULL) == 0, "set callbacks");
	connect->MQTTVersion = version;
	connect->context = c;
	if (will) {
		last.topicName = will;
		last.message = "gone";
		last.qos = 1;
		connect->will = &last;
	}
	if (version == 5) {
		connect->cleanstart = clean;
		connect->onSuccess5 = connected5;
		connect->onFailure5 = failed5;
		if (expiry >= 0) number(&properties, MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL, expiry);
		connect->connectProperties = &properties;
	} else {
		connect->cleansession = clean;
		connect->onSuccess = connected;
		connect->onFailure = failed;
	}
	settle(c, MQTTAsync_connect(c->handle, connect), "connect");
	MQTTProperties_free(&properties);
	return c;
}

static struct client *join(const char *name) { return dial(name, 1, -1, NULL); }

static void leave(struct client *c) {
	MQTTAsync_disconnectOptions options = MQTTAsync_disconnectOptions_initializer;
	MQTTAsync_disconnectOptions options5 = MQTTAsync_disconnectOptions_initializer5;
	options.onSuccess = done;
	options.onFailure = failed;
	options5.onSuccess5 = done5;
	options5.onFailure5 = failed5;
	options.context = options5.context = c;
	settle(c, MQTTAsync_disconnect(c->handle, version == 5 ? &options5 : &options), "disconnect");
	MQTTAsync_destroy(&c->handle);
	while (c->first) {
		struct received *r = c->first;
		c->first = r->next;
		release(r);
	}
	free(c);
}

/* subscribe takes a Subscription Identifier for MQTT 5.0; 0: none. */
static void subscribe(struct client *c, const char *filter, int qos, unsigned identifier) {
	MQTTAsync_callOptions options = MQTTAsync_callOptions_initializer;
	options.context = c;
	if (version == 5) {
		options.onSuccess5 = subscribed5;
		options.onFailure5 = failed5;
		if (identifier) number(&options.properties, MQTTPROPERTY_CODE_SUBSCRIPTION_IDENTIFIER, identifier);
	} else {
		options.onSuccess = subscribed;
		options.onFailure = failed;
	}
	settle(c, MQTTAsync_subscribe(c->handle, filter, qos, &options), "subscribe");
	check(c->granted == qos, "QoS granted for %s is %d, want %d", filter, c->granted, qos);
	MQTTProperties_free(&options.properties);
}

/* send publishes and waits for the acknowledgement. properties may be NULL. */
static void send(struct client *c, const char *topic, const void *payload, int size, int qos, int retained,
                 MQTTProperties *properties) {
	MQTTAsync_message m = MQTTAsync_message_initializer;
	MQTTAsync_callOptions options = MQTTAsync_callOptions_initializer;
	m.payload = (void *)payload;
	m.payloadlen = size;
	m.qos = qos;
	m.retained = retained;
	if (properties) m.properties = *properties;
	options.context = c;
	if (version == 5) {
		options.onSuccess5 = done5;
		options.onFailure5 = failed5;
	} else {
		options.onSuccess = done;
		options.onFailure = failed;
	}
	settle(c, MQTTAsync_sendMessage(c->handle, topic, &m, &options), "publish");
}

static void publish(struct client *c, const char *topic, const char *payload, int qos) {
	send(c, topic, payload, strlen(payload), qos, 0, NULL);
}

/* expect takes a message; qos and retained are not looked at when negative. The caller releases it. */
static struct received *expect(struct client *c, const char *topic, const char *payload, int qos, int retained) {
	struct received *r = take(c, payload);
	MQTTAsync_message *m = r->message;
	check(strcmp(r->topic, topic) == 0, "topic is %s, want %s", r->topic, topic);
	check(m->payloadlen == (int)strlen(payload) && memcmp(m->payload, payload, m->payloadlen) == 0,
	      "payload is %.*s, want %s", m->payloadlen, (char *)m->payload, payload);
	check(qos < 0 || m->qos == qos, "QoS of %s is %d, want %d", payload, m->qos, qos);
	check(retained < 0 || m->retained == retained, "retain of %s is %d, want %d", payload, m->retained, retained);
	return r;
}

static void expected(struct client *c, const char *topic, const char *payload, int qos, int retained) {
	release(expect(c, topic, payload, qos, retained));
}

static char *join_words(const char *a, const char *b) {
	char *s = malloc(strlen(a) + strlen(b) + 1);
	return strcat(strcpy(s, a), b);
}

static void delivered(const char *topic, int qos) {
	struct client *sub = join("s"), *pub = join("p");
	char payload[32];
	int i;
	subscribe(sub, topic, qos, 0);
	for (i = 0; i < 10; i++) {
		snprintf(payload, sizeof payload, "message %d", i);
		publish(pub, topic, payload, qos);
	}
	for (i = 0; i < 10; i++) {
		snprintf(payload, sizeof payload, "message %d", i);
		expected(sub, topic, payload, qos, 0);
	}
	leave(sub);
	leave(pub);
}

static void qos0(const char *topic) { delivered(topic, 0); }
static void qos1(const char *topic) { delivered(topic, 1); }
static void qos2(const char *topic) { delivered(topic, 2); }

static void retained(const char *topic) {
	struct client *live = join("l"), *pub = join("p"), *late, *later;
	subscribe(live, topic, 1, 0);
	send(pub, topic, "kept", 4, 1, 1, NULL);
	expected(live, topic, "kept", -1, 0);
	late = join("s");
	subscribe(late, topic, 1, 0);
	expected(late, topic, "kept", -1, 1);
	send(pub, topic, "", 0, 1, 1, NULL);
	expected(live, topic, "", -1, 0);
	later = join("t");
	subscribe(later, topic, 1, 0);
	publish(pub, topic, "marker", 1);
	expected(later, topic, "marker", -1, 0);
	leave(live);
	leave(pub);
	leave(late);
	leave(later);
}

static void will(const char *topic) {
	struct client *observer, *again;
	int go[2], status;
	char byte = 0;
	pid_t child;
	/* The library has no way to vanish, so a process does, made before there are threads. */
	if (pipe(go) || (child = fork()) < 0) fail("no second process");
	if (child == 0) {
		close(go[1]);
		if (read(go[0], &byte, 1) != 1) _exit(1);
		dial("w", 1, -1, topic);
		_exit(0);
	}
	observer = join("o");
	subscribe(observer, topic, 1, 0);
	if (write(go[1], &byte, 1) != 1 || waitpid(child, &status, 0) != child || status != 0) fail("the second process");
	expected(observer, topic, "gone", 1, 0);
	leave(dial("w", 1, -1, topic));
	again = join("w");
	publish(again, topic, "marker", 1);
	expected(observer, topic, "marker", -1, 0);
	leave(again);
	leave(observer);
}

static void sized(const char *topic, int size) {
	struct client *sub = join("s"), *pub = join("p");
	unsigned char *payload = malloc(size);
	int i, qos;
	for (i = 0; i < size; i++) payload[i] = i % 251;
	subscribe(sub, topic, 2, 0);
	for (qos = 0; qos <= 2; qos++) {
		struct received *r;
		send(pub, topic, payload, size, qos, 0, NULL);
		r = take(sub, "the large message");
		check(r->message->qos == qos, "QoS is %d, want %d", r->message->qos, qos);
		check(r->message->payloadlen == size, "%d bytes, want %d", r->message->payloadlen, size);
		check(memcmp(r->message->payload, payload, size) == 0, "other bytes than were sent");
		release(r);
	}
	leave(sub);
	leave(pub);
	free(payload);
}

static void large(const char *topic) { sized(topic, 1000000); }
static void largest(const char *topic) { sized(topic, 1999900); }

static void session(const char *topic) {
	char *topics[] = {join_words(topic, "/1"), join_words(topic, "/2")};
	int next[] = {0, 0}, i;
	char payload[32];
	struct client *c, *pub;
	leave(join("s")); /* whatever was there */
	c = dial("s", 0, 300, NULL);
	check(!c->present, "session present at the first connection");
	subscribe(c, topics[0], 1, 0);
	subscribe(c, topics[1], 2, 0);
	leave(c);
	pub = join("p");
	for (i = 0; i < 10; i++) {
		snprintf(payload, sizeof payload, "message %d", i / 2);
		publish(pub, topics[i % 2], payload, 1 + i % 2);
	}
	c = dial("s", 0, 300, NULL);
	check(c->present == (version >= 4), "session present is %d", c->present); /* 3.1 has no such flag */
	for (i = 0; i < 10; i++) {
		/* One of QoS 2 is seen when its PUBREL comes, so each QoS has its own order. */
		struct received *r = take(c, "an offline message");
		int which = strcmp(r->topic, topics[1]) == 0;
		check(which || strcmp(r->topic, topics[0]) == 0, "topic is %s", r->topic);
		check(r->message->qos == 1 + which, "QoS on %s is %d", r->topic, r->message->qos);
		snprintf(payload, sizeof payload, "message %d", next[which]++);
		check(r->message->payloadlen == (int)strlen(payload) &&
		      memcmp(r->message->payload, payload, strlen(payload)) == 0, "%s is %.*s, want %s", r->topic,
		      r->message->payloadlen, (char *)r->message->payload, payload);
		release(r);
	}
	leave(c);
	c = join("s");
	check(!c->present, "session present after a clean start");
	publish(pub, topics[0], "nobody", 1);
	subscribe(c, topics[0], 1, 0);
	publish(pub, topics[0], "marker", 1);
	expected(c, topics[0], "marker", -1, 0);
	leave(c);
	leave(pub);
}

static void assigned(const char *topic) {
	struct client *sub = join(""), *pub = join("");
	subscribe(sub, topic, 1, 0);
	publish(pub, topic, "hello", 1);
	expected(sub, topic, "hello", -1, 0);
	leave(sub);
	leave(pub);
}

static MQTTProperty *property(struct received *r, enum MQTTPropertyCodes code, int index) {
	MQTTProperty *p = MQTTProperties_getPropertyAt(&r->message->properties, code, index);
	check(p, "no property %s %d", MQTTPropertyName(code), index);
	return p;
}

static void request(const char *topic) {
	struct client *responder = join("r"), *requester = join("q");
	char *answer = join_words(topic, "/answer");
	const char *pairs[][2] = {{"a", "1"}, {"b", "2"}, {"a", "3"}};
	MQTTProperties question = MQTTProperties_initializer, reply = MQTTProperties_initializer;
	struct received *r;
	int i;
	subscribe(responder, topic, 1, 0);
	subscribe(requester, answer, 1, 0);
	text(&question, MQTTPROPERTY_CODE_RESPONSE_TOPIC, answer, NULL);
	text(&question, MQTTPROPERTY_CODE_CORRELATION_DATA, "\x01\xff", NULL);
	text(&question, MQTTPROPERTY_CODE_CONTENT_TYPE, "text/plain", NULL);
	number(&question, MQTTPROPERTY_CODE_PAYLOAD_FORMAT_INDICATOR, 1);
	for (i = 0; i < 3; i++) text(&question, MQTTPROPERTY_CODE_USER_PROPERTY, pairs[i][0], pairs[i][1]);
	send(requester, topic, "question", 8, 1, 0, &question);
	r = expect(responder, topic, "question", 1, 0);
	check(same(property(r, MQTTPROPERTY_CODE_CONTENT_TYPE, 0)->value.data, "text/plain"), "content type");
	check(property(r, MQTTPROPERTY_CODE_PAYLOAD_FORMAT_INDICATOR, 0)->value.byte == 1, "payload format indicator");
	for (i = 0; i < 3; i++) {
		MQTTProperty *p = property(r, MQTTPROPERTY_CODE_USER_PROPERTY, i);
		check(same(p->value.data, pairs[i][0]) && same(p->value.value, pairs[i][1]), "user property %d", i);
	}
	check(same(property(r, MQTTPROPERTY_CODE_RESPONSE_TOPIC, 0)->value.data, answer), "response topic");
	check(MQTTProperties_add(&reply, property(r, MQTTPROPERTY_CODE_CORRELATION_DATA, 0)) == 0, "correlation data");
	send(responder, answer, "answer", 6, 1, 0, &reply);
	release(r);
	r = expect(requester, answer, "answer", 1, 0);
	check(same(property(r, MQTTPROPERTY_CODE_CORRELATION_DATA, 0)->value.data, "\x01\xff"), "correlation data");
	release(r);
	leave(responder);
	leave(requester);
}

static void expiry(const char *topic) {
	struct client *pub = join("p"), *sub = join("s");
	MQTTProperties brief = MQTTProperties_initializer, late = MQTTProperties_initializer;
	time_t end = time(NULL) + patience;
	struct received *r;
	int left, stale;
	number(&brief, MQTTPROPERTY_CODE_MESSAGE_EXPIRY_INTERVAL, 1);
	number(&late, MQTTPROPERTY_CODE_MESSAGE_EXPIRY_INTERVAL, 100);
	subscribe(sub, topic, 1, 0);
	send(pub, topic, "fresh", 5, 1, 0, &late);
	r = expect(sub, topic, "fresh", 1, 0);
	left = property(r, MQTTPROPERTY_CODE_MESSAGE_EXPIRY_INTERVAL, 0)->value.integer4;
	check(90 <= left && left <= 100, "message expiry interval is %d", left);
	release(r);
	topic = join_words(topic, "/stale");
	send(pub, topic, "stale", 5, 1, 1, &brief);
	do { /* it is handed out until it has expired */
		subscribe(sub, topic, 1, 0);
		publish(pub, topic, "marker", 1);
		r = take(sub, "the marker");
		stale = r->message->payloadlen == 5;
		release(r);
		if (stale) expected(sub, topic, "marker", -1, 0);
		check(time(NULL) < end, "the retained message does not expire");
	} while (stale);
	leave(pub);
	leave(sub);
}

static void identifiers(const char *topic) {
	struct client *pub = join("p"), *sub = join("s");
	char *one = join_words(topic, "/a");
	int seven = 0, highest = 0;
	subscribe(sub, join_words(topic, "/#"), 1, 7);
	subscribe(sub, join_words(topic, "/+"), 1, 268435455);
	publish(pub, one, "twice", 1);
	publish(pub, join_words(topic, "/b"), "marker", 1);
	while (!seven || !highest) {
		struct received *r = expect(sub, one, "twice", 1, 0);
		MQTTProperties *p = &r->message->properties;
		int i, n = MQTTProperties_propertyCount(p, MQTTPROPERTY_CODE_SUBSCRIPTION_IDENTIFIER);
		for (i = 0; i < n; i++) {
			int got = MQTTProperties_getNumericValueAt(p, MQTTPROPERTY_CODE_SUBSCRIPTION_IDENTIFIER, i);
			check((got == 7 && !seven++) || (got == 268435455 && !highest++), "subscription identifier %d", got);
		}
		release(r);
	}
	leave(pub);
	leave(sub);
}

static void sessionexpiry(const char *topic) {
	struct client *c;
	(void)topic;
	leave(join("s"));
	leave(dial("s", 0, 300, NULL));
	c = dial("s", 0, 0, NULL);
	check(c->present, "no session present within the session expiry interval");
	leave(c);
	c = dial("s", 0, 0, NULL);
	check(!c->present, "session present after a session expiry interval of 0");
	leave(c);
}

static void shared(const char *topic) {
	struct client *members[] = {join("m1"), join("m2")}, *pub = join("p");
	char *filter = join_words("$share/group/", topic), *end = join_words(topic, "/end"), payload[32];
	int seen[20] = {0}, i, n;
	for (i = 0; i < 2; i++) subscribe(members[i], filter, 1, 0);
	for (i = 0; i < 20; i++) {
		snprintf(payload, sizeof payload, "%d", i);
		publish(pub, topic, payload, 1);
	}
	for (i = 0; i < 2; i++) subscribe(members[i], end, 1, 0);
	publish(pub, end, "end", 1);
	for (i = 0; i < 2; i++) {
		for (n = 0;; n++) {
			struct received *r = take(members[i], "the end");
			int last = strcmp(r->topic, end) == 0;
			if (!last) {
				snprintf(payload, sizeof payload, "%.*s", r->message->payloadlen, (char *)r->message->payload);
				check(atoi(payload) >= 0 && atoi(payload) < 20 && !seen[atoi(payload)]++, "again: %s", payload);
			}
			release(r);
			if (last) break;
		}
		check(n > 0, "member %d got nothing", i + 1);
		leave(members[i]);
	}
	for (i = 0; i < 20; i++) check(seen[i], "message %d was lost", i);
	leave(pub);
}

static void alias(const char *topic) {
	struct client *sub = join("s"), *pub = join("p");
	MQTTProperties properties = MQTTProperties_initializer;
	number(&properties, MQTTPROPERTY_CODE_TOPIC_ALIAS, 1);
	subscribe(sub, topic, 1, 0);
	send(pub, topic, "by name", 7, 1, 0, &properties);
	send(pub, "", "by alias", 8, 1, 0, &properties);
	expected(sub, topic, "by name", -1, 0);
	expected(sub, topic, "by alias", -1, 0);
	leave(sub);
	leave(pub);
}

static const struct {
	const char *name;
	void (*run)(const char *topic);
} exchanges[] = {
	{"qos0", qos0}, {"qos1", qos1}, {"qos2", qos2}, {"retained", retained}, {"will", will}, {"large", large},
	{"largest", largest}, {"session", session}, {"assigned", assigned}, {"request", request}, {"expiry", expiry},
	{"identifiers", identifiers}, {"sessionexpiry", sessionexpiry}, {"shared", shared}, {"alias", alias},
};

static void run(void) {
	char topic[128];
	size_t i;
	snprintf(topic, sizeof topic, "%s/%s", prefix, exchange);
	for (i = 0; i < sizeof exchanges / sizeof *exchanges; i++) {
		if (strcmp(exchanges[i].name, exchange)) continue;
		exchanges[i].run(topic);
		printf("ok %s\n", exchange);
		fflush(stdout);
		_exit(0);
	}
	fail("there is no such exchange");
}

int main(int argc, char **argv) {
	int i, status, rc = 0;
	pid_t children[64];
	if (argc < 5 || argc > 5 + 64) return 2;
	snprintf(uri, sizeof uri, "tcp://%s:%s", argv[1], argv[2]);
	version = atoi(argv[3]);
	prefix = argv[4];
	for (i = 5; i < argc; i++) {
		exchange = argv[i];
		children[i - 5] = fork();
		if (children[i - 5] == 0) run();
	}
	for (i = 5; i < argc; i++)
		if (children[i - 5] < 0 || waitpid(children[i - 5], &status, 0) < 0 || status != 0) rc = 1;
	return rc;
}
