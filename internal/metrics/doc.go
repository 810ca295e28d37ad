// Package metrics is what the broker says of itself in figures: the topics below
// $SYS/broker that Mosquitto has, with some of our own beside them.
//
// It counts nothing. The broker counts; a Sample is what it and the process say
// at one moment, and a table has a row for each figure with all that is known of
// it. Another way to show the figures is another printer of the table.
//
// Invariant: a figure has one row, and every printer shows what the row says.
//
//	tree := metrics.NewTree(metrics.TreeOptions{
//		Interval: 10 * time.Second, Version: "zancudo version 1.2.3", Publish: b.Publish, Sample: metrics.NewSampler(metrics.SamplerOptions{Broker: b}).Sample,
//	})
//	go tree.Run(ctx)
package metrics
