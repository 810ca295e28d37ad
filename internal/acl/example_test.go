package acl_test

import (
	"fmt"

	"github.com/zancudomq/zancudo/internal/acl"
)

func Example() {
	rules, err := acl.Parse("acl", []byte("user alice\ntopic read house/#\ntopic deny house/safe\n"))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, topic := range []string{"house/door", "house/safe", "garden"} {
		d := rules.Decide(acl.Question{User: "alice", Client: "phone", Action: acl.Receive, Topic: topic})
		fmt.Println(topic, d.Allowed, d.Err())
	}
	// Output:
	// house/door true <nil>
	// house/safe false acl:3 says 'topic deny house/safe'
	// garden false acl: no rule allows it
}
