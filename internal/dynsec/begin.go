package dynsec

// Admin is the client that a new file has.
const Admin = "admin"

// allow are rules that allow a topic in all the ways that kinds name.
func allow(topic string, kinds ...kind) (rules []rule) {
	for _, k := range kinds {
		rules = append(rules, rule{kind: k, topic: topic, allow: true})
	}
	return rules
}

// Begin is a new file as Mosquitto 2.1 begins with: the client Admin with a
// password, roles for what is often needed, and an empty group for clients
// without a name.
func Begin(password string) ([]byte, error) {
	b := newBook()
	for _, r := range []struct {
		name, about string
		rules       []rule
	}{
		{"client", "May send, receive and subscribe to everything that is not the broker's own.", allow("#", send, receive, subscribePattern, unsubscribePattern)},
		{"broker-admin", "May control the broker.", allow("$CONTROL/broker/#", send, receive, subscribePattern, unsubscribePattern)},
		{"dynsec-admin", "May change clients, groups and roles.", allow("$CONTROL/dynamic-security/#", send, receive, subscribePattern, unsubscribePattern)},
		{"super-admin", "May control everything there is to control.", allow("$CONTROL/#", send, receive, subscribePattern, unsubscribePattern)},
		{"sys-notify", "May tell the state of a bridge's connection.", allow("$SYS/broker/connection/%c/state", send)},
		{"sys-observe", "May see the broker's own figures.", allow("$SYS/#", receive, subscribePattern, unsubscribePattern)},
		{"topic-observe", "May see everything that is not the broker's own.", allow("#", receive, subscribePattern, unsubscribePattern)},
	} {
		b.roles[r.name] = &role{name: r.name, texts: texts{description: r.about}, wildcards: true, rules: r.rules}
	}
	const unauthenticated = "unauthenticated"
	b.groups[unauthenticated] = &group{name: unauthenticated, texts: texts{"Clients without a name", "What those may do who connect without a name."}}
	b.anonymous = unauthenticated
	return b.begin(Admin, password, "super-admin", "sys-observe", "topic-observe")
}

// Init is a new file as mosquitto_ctrl makes it: one client that may change
// everything and see everything, with one role.
func Init(user, password string) ([]byte, error) {
	b := newBook()
	rules := allow("$CONTROL/dynamic-security/#", send, receive, subscribePattern)
	rules = append(rules, allow("$SYS/#", receive, subscribePattern)...)
	rules = append(rules, allow("#", receive, subscribePattern, unsubscribePattern)...)
	b.roles[Admin] = &role{name: Admin, wildcards: true, rules: rules}
	return b.begin(user, password, Admin)
}

func (b *book) begin(user, password string, roles ...string) ([]byte, error) {
	hash, err := recipe(b.old).Make([]byte(password))
	if err != nil {
		return nil, err
	}
	c := &client{name: user, hash: hash, roles: ranks{}}
	for _, name := range roles {
		c.roles[name] = noPriority
	}
	b.clients[user] = c
	return b.append()
}
