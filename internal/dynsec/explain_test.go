package dynsec

import (
	"fmt"
	"strings"
	"testing"

	"github.com/zancudomq/zancudo/internal/acl"
)

// TestExplain names the role, the group and the ACL that decide.
func TestExplain(t *testing.T) {
	t.Parallel()
	s := newBench(t, house)
	for _, c := range []struct {
		user, id string
		action   acl.Action
		topic    string
		want     string // the steps that match, and the reason
	}{
		{
			"s", "c1", acl.Publish, "state/c1/temperature",
			`role "sensor": allow publishClientSend state/%c/#: allows; dynamic security: role "sensor" allows it`,
		},
		{
			"s", "c1", acl.Publish, "state/c1/secret",
			`role "sensor": deny publishClientSend state/+/secret (priority 5): denies; dynamic security: role "sensor" denies publishClientSend "state/+/secret"`,
		},
		{
			"groups", "c", acl.Publish, "a",
			`role "yes" of group "second": allow publishClientSend a: allows; dynamic security: role "yes" of group "second" allows it`,
		},
		{
			"a+b", "c", acl.Publish, "user/a+b",
			`role "sensor": allow publishClientSend user/%u: does not hold for this client; ` +
				`dynamic security: no role allows publishClientSend, and the default is to deny`,
		},
		{
			"n", "c", acl.Subscribe, "a/+",
			`role "narrow": allowwildcardsubs false: denies; dynamic security: role "narrow" denies subscriptions with wildcards`,
		},
		{
			"s", "c1", acl.Subscribe, "cmd/#",
			`role "sensor": allow subscribeLiteral cmd/#: allows; dynamic security: role "sensor" allows it`,
		},
		{
			"s", "c1", acl.Subscribe, "cmd/x",
			`role "sensor": deny subscribePattern cmd/# (priority 1): denies; dynamic security: role "sensor" denies subscribePattern "cmd/#"`,
		},
		{
			"s", "c1", acl.Receive, "anything",
			`dynamic security: no role says anything of it, and the default access allows publishClientReceive`,
		},
		{"who", "c", acl.Publish, "a", "dynamic security: there is no such client"},
	} {
		e, _ := s.Explain(acl.Question{User: c.user, Client: c.id, Action: c.action, Topic: c.topic})
		var got []string
		for _, step := range e.Steps {
			if step.Matches {
				got = append(got, fmt.Sprintf("%v: %s: %s", step.Rule, step.Text, step.Outcome))
			}
		}
		if got := strings.Join(append(got, e.Reason), "; "); got != c.want {
			t.Errorf("%s %v %s:\n got %s\nwant %s", c.user, c.action, c.topic, got, c.want)
		}
	}
}
