package store

// Stats counts what a store has done since Open.
type Stats struct {
	Appends  int64 // calls
	Facts    int64 // in them
	Refused  int64 // of the calls, those that returned an error
	Groups   int64 // batches that were written for them
	LogSyncs int64
	LogBytes int64
	Syncs    int64 // of all files, logs too
	Bytes    int64 // written to all files, logs too
}

// Stats returns the counts of now.
func (s *Store) Stats() Stats {
	return Stats{
		Appends: s.appends.Load(), Facts: s.factsIn.Load(), Refused: s.refused.Load(), Groups: s.groups.Load(),
		LogSyncs: s.meter.logSyncs.Load(), LogBytes: s.meter.logBytes.Load(),
		Syncs: s.meter.syncs.Load(), Bytes: s.meter.bytes.Load(),
	}
}

// Size returns the bytes that the facts take on the disk, logs and what is about
// to be removed included. It is 0 while nothing can be read.
func (s *Store) Size() int64 {
	if s.begin() != nil {
		return 0
	}
	defer s.calls.Done()
	s.mu.Lock()
	e := s.reader
	s.mu.Unlock()
	if e == nil {
		return 0
	}
	return int64(e.db.Metrics().DiskSpaceUsage())
}
