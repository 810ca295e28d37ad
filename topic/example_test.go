package topic_test

import (
	"fmt"

	"github.com/zancudomq/zancudo/topic"
)

func ExampleMatch() {
	fmt.Println(topic.Match("house/+/temperature", "house/kitchen/temperature"))
	fmt.Println(topic.Match("house/#", "house"))
	fmt.Println(topic.Match("#", "$SYS/broker/uptime"))
	// Output:
	// true
	// true
	// false
}

func ExampleValidateName() {
	fmt.Println(topic.ValidateName("house/kitchen/temperature"))
	fmt.Println(topic.ValidateName("house/+/temperature"))
	// Output:
	// <nil>
	// a topic name must not contain a wildcard (+ or #)
}

func ExampleValidateFilter() {
	fmt.Println(topic.ValidateFilter("house/+/temperature"))
	fmt.Println(topic.ValidateFilter("house/#/temperature"))
	fmt.Println(topic.ValidateFilter("house/kitchen+"))
	// Output:
	// <nil>
	// the wildcard # must be the last level of the filter
	// the wildcard + must occupy an entire level of the filter
}

func ExampleSplitShare() {
	group, filter, shared, err := topic.SplitShare("$share/workers/jobs/#")
	fmt.Println(group, filter, shared, err)

	_, _, _, err = topic.SplitShare("$share/workers")
	fmt.Println(err)
	// Output:
	// workers jobs/# true <nil>
	// a shared subscription must read $share/name/filter
}

func ExampleFilters() {
	var filters topic.Filters[string] // of subscriber names here; a broker has pointers
	filters.Add("house/kitchen/temperature", "display")
	filters.Add("house/+/temperature", "thermostat")
	filters.Add("house/#", "recorder")
	filters.Add("garden/#", "sprinkler")

	var receivers []string // reused from call to call, so that matching allocates nothing
	receivers = filters.Match(receivers[:0], "house/kitchen/temperature")
	fmt.Println(receivers)

	filters.Remove("house/#", "recorder")
	receivers = filters.Match(receivers[:0], "house/attic/temperature")
	fmt.Println(receivers)
	// Output:
	// [display recorder thermostat]
	// [thermostat]
}

func ExampleNames() {
	var retained topic.Names[string]
	retained.Set("house/kitchen/temperature", "21")
	retained.Set("house/kitchen/humidity", "48")
	retained.Set("house/attic/temperature", "26")

	for name, value := range retained.Match("house/+/temperature") {
		fmt.Println(name, value)
	}
	_, deleted := retained.Delete("house/attic/temperature")
	fmt.Println(deleted, retained.Len())
	// Unordered output:
	// house/kitchen/temperature 21
	// house/attic/temperature 26
	// true 2
}
