// Package service is how a program fits the system that runs it: it tells the
// service manager how it is, writes a PID file, gives up the rights of an
// administrator, goes to the background, and takes requests by signals.
//
// It does not know what the program does. Nothing here is kept in the package:
// whoever starts the program holds the values and asks each of them to end.
//
// Invariant: without a service manager, and where the system has no such thing,
// every function still does what can be done, and says by an error what cannot.
//
//	manager := service.NewNotifier()
//	requests, stop := service.Requests()
//	defer stop()
//	… open the sockets …
//	err := manager.Ready("Serving on port 1883")
package service
