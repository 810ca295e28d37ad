// Package topic says whom a message concerns: topic names, topic filters,
// shared-subscription filters, and the two indexes a broker needs.
//
//   - [ValidateName], [ValidateFilter], [SplitShare] and [Match] are the rules of
//     MQTT 5.0 sections 4.7 and 4.8.2 (the same in 3.1.1, where shares exist by custom).
//   - [Filters] maps filters to values: which values have a filter that matches
//     this name? A broker keeps its subscriptions in one.
//   - [Names] maps names to values: which names match this filter? A broker keeps
//     its retained messages in one.
//
// What it is not: it knows no packets, reason codes, clients or quality of service,
// takes no locks, and does not check that a string is well-formed UTF-8 (package
// packet did, when it read the string). Matching compares bytes; nothing is ever
// normalized [MQTT-4.7.3-4].
//
// Its one invariant: for every filter and name, [Match], [Filters.Match] and
// [Names.Match] give the same answer, in time linear in the nodes they visit and
// without recursion, whatever strings a peer invents.
//
//	var filters topic.Filters[string]
//	filters.Add("house/+/temperature", "thermostat")
//	filters.Add("house/#", "recorder")
//	filters.Match(nil, "house/kitchen/temperature") // recorder, thermostat
package topic
