package audit

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// simFS is a file system in memory that knows what a power cut leaves of it: of what
// was written and not fsynced, some is kept, some is torn and some is gone; of the
// names that were changed in a directory that was not fsynced, some are as before.
type simFS struct {
	random  *rand.Rand
	crashAt int                                   // of its calls; 0: never
	onCrash func()                                // called once; nil: nothing
	fault   func(call int, op string) (err error) // nil: none
	lie     lie

	mu      sync.Mutex
	root    *simNode
	calls   int
	crashed bool
	owed    *simNode // an fsync that was promised; see lieAckEarly
}

// lie is what a naive writer leaves out.
type lie int

const (
	honest       lie = iota
	lieNoFsync       // of files
	lieNoDirSync     // of directories
	lieAckEarly      // the fsync of a file happens after somebody was told that it has
)

var errCrashed = errors.New("the machine has crashed")

// simNode is a file, or a directory.
type simNode struct {
	data    []byte // as processes see it
	durable []byte
	changes []simChange // since the last fsync
	locked  bool

	names        map[string]*simNode // of a directory; nil: it is a file
	durableNames map[string]*simNode
	renames      []simRename // since the last fsync; nil nodes: removed
}

// simChange is a write at the end of a file, or a truncation.
type simChange struct {
	offset int
	text   []byte // nil: truncated at offset
}

// simRename is a change of names in a directory: to now leads to node, and from to
// nothing.
type simRename struct {
	from, to string
	node     *simNode
}

func newSimDirectory() *simNode {
	return &simNode{names: map[string]*simNode{}, durableNames: map[string]*simNode{}}
}

// newSimFS has the durable directory /sim.
func newSimFS(random *rand.Rand) *simFS {
	root := newSimDirectory()
	directory := newSimDirectory()
	root.names["sim"], root.durableNames["sim"] = directory, directory
	return &simFS{random: random, root: root}
}

const simLog = "/sim/permission.log"

// enter counts a call. An error is what becomes of it; with performed, it happens all
// the same. The lock is held.
func (f *simFS) enter(op string) (performed bool, err error) {
	if f.crashed {
		return false, errCrashed
	}
	f.calls++
	if f.calls == f.crashAt {
		f.crashed = true
		if f.onCrash != nil {
			f.onCrash()
		}
		return f.random.IntN(2) == 0, errCrashed
	}
	if f.owed != nil {
		f.owed.sync()
		f.owed = nil
	}
	if f.fault != nil {
		err = f.fault(f.calls, op)
	}
	return err == nil, err
}

// call runs an operation that has no other outcome than an error.
func (f *simFS) call(op string, perform func() error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	performed, err := f.enter(op)
	if !performed {
		return err
	}
	return join(err, perform())
}

func notThere(op, path string) error { return &fs.PathError{Op: op, Path: path, Err: fs.ErrNotExist} }

// find returns the directory of a path, and the node at it, nil if there is none.
func (f *simFS) find(op, path string) (directory, node *simNode, err error) {
	directory = f.root
	parts := strings.Split(strings.Trim(path, "/"), "/")
	for _, part := range parts[:len(parts)-1] {
		if directory = directory.names[part]; directory == nil || directory.names == nil {
			return nil, nil, notThere(op, path)
		}
	}
	return directory, directory.names[parts[len(parts)-1]], nil
}

func (n *simNode) change(from, to string, node *simNode) {
	if from != "" {
		delete(n.names, from)
	}
	if to != "" {
		n.names[to] = node
	}
	n.renames = append(n.renames, simRename{from, to, node})
}

func (f *simFS) OpenLog(path string, mode fs.FileMode) (logFile, error) {
	return f.open("openlog", path, os.O_RDWR|os.O_APPEND|os.O_CREATE, true)
}

func (f *simFS) OpenFile(path string, flag int, _ fs.FileMode) (logFile, error) {
	return f.open("open", path, flag, false)
}

func (f *simFS) open(op, path string, flag int, lock bool) (logFile, error) {
	var file *simFile
	err := f.call(op, func() error {
		directory, node, err := f.find(op, path)
		switch {
		case err != nil:
			return err
		case node == nil && flag&os.O_CREATE == 0:
			return notThere(op, path)
		case node == nil:
			node = &simNode{}
			directory.change("", filepath.Base(path), node)
		case flag&os.O_EXCL != 0:
			return fs.ErrExist
		case lock && node.locked:
			return ErrLocked
		}
		node.locked = node.locked || lock
		file = &simFile{fsys: f, node: node, lock: lock, name: filepath.Base(path)}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return file, nil
}

func (f *simFS) Stat(path string) (info fs.FileInfo, err error) {
	err = f.call("stat", func() error {
		_, node, err := f.find("stat", path)
		if err == nil && node == nil {
			err = notThere("stat", path)
		}
		if err == nil {
			info = node.info(filepath.Base(path))
		}
		return err
	})
	return info, err
}

func (*simFS) SameFile(a, b fs.FileInfo) bool { return a.(simInfo).node == b.(simInfo).node }

func (f *simFS) Mkdir(path string, _ fs.FileMode) error {
	return f.call("mkdir", func() error {
		directory, node, err := f.find("mkdir", path)
		if err == nil && node != nil {
			err = fs.ErrExist
		}
		if err == nil {
			directory.change("", filepath.Base(path), newSimDirectory())
		}
		return err
	})
}

func (f *simFS) Rename(from, to string) error {
	return f.call("rename", func() error {
		directory, node, err := f.find("rename", from)
		if err == nil && node == nil {
			err = notThere("rename", from)
		}
		if err == nil {
			directory.change(filepath.Base(from), filepath.Base(to), node)
		}
		return err
	})
}

func (f *simFS) Remove(path string) error {
	return f.call("remove", func() error {
		directory, node, err := f.find("remove", path)
		if err == nil && node == nil {
			err = notThere("remove", path)
		}
		if err == nil {
			directory.change(filepath.Base(path), "", nil)
		}
		return err
	})
}

func (f *simFS) ReadDir(path string) (entries []fs.DirEntry, err error) {
	err = f.call("readdir", func() error {
		_, directory, err := f.find("readdir", path)
		if err != nil || directory == nil {
			return notThere("readdir", path)
		}
		for name, node := range directory.names {
			entries = append(entries, fs.FileInfoToDirEntry(node.info(name)))
		}
		slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
		return nil
	})
	return entries, err
}

func (f *simFS) SyncDir(path string) error {
	return f.call("syncdir", func() error {
		_, directory, err := f.find("syncdir", path)
		if err == nil && directory == nil {
			err = notThere("syncdir", path)
		}
		if err == nil && f.lie != lieNoDirSync {
			directory.durableNames, directory.renames = maps.Clone(directory.names), nil
		}
		return err
	})
}

func (n *simNode) sync() {
	n.durable, n.changes = bytes.Clone(n.data), nil
}

// lose is what a failed fsync does: the kernel marks what it could not write as clean,
// and never tries again.
func (n *simNode) lose(random *rand.Rand) {
	n.durable = n.left(random)
	n.changes = nil
}

// left is what a power cut leaves of a file.
func (n *simNode) left(random *rand.Rand) []byte {
	kept := len(n.changes)
	if random.IntN(3) > 0 {
		kept = random.IntN(len(n.changes) + 1)
	}
	durable := bytes.Clone(n.durable)
	for i, change := range n.changes[:kept] {
		text := change.text
		if text == nil {
			durable = durable[:min(change.offset, len(durable))]
			continue
		}
		if i == kept-1 {
			text = tear(random, text)
		}
		for len(durable) < change.offset { // what was there is lost
			durable = append(durable, 0)
		}
		durable = append(durable[:change.offset], text...)
	}
	return durable
}

// tear is what a power cut leaves of a write: all, a part from its beginning, or
// sectors out of it.
func tear(random *rand.Rand, text []byte) []byte {
	text = bytes.Clone(text)
	switch random.IntN(3) {
	case 0:
		return text[:random.IntN(len(text)+1)]
	case 1:
		const sector = 64
		for i := 0; i < len(text); i += sector {
			if random.IntN(2) == 0 {
				clear(text[i:min(i+sector, len(text))])
			}
		}
	}
	return text
}

// reboot is the file system after a power cut.
func (f *simFS) reboot() *simFS {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.crashed = true
	return &simFS{random: f.random, lie: f.lie, root: f.root.reboot(f.random, map[*simNode]*simNode{})}
}

func (n *simNode) reboot(random *rand.Rand, done map[*simNode]*simNode) *simNode {
	if after := done[n]; after != nil {
		return after
	}
	after := &simNode{}
	done[n] = after
	if n.names == nil {
		after.data = n.left(random)
		after.durable = bytes.Clone(after.data)
		return after
	}
	names := maps.Clone(n.durableNames)
	for _, change := range n.renames {
		if random.IntN(2) == 0 {
			continue // not all file systems keep their order
		}
		delete(names, change.from)
		if change.to != "" {
			names[change.to] = change.node
		}
	}
	after.names = map[string]*simNode{}
	for name, node := range names {
		after.names[name] = node.reboot(random, done)
	}
	after.durableNames = maps.Clone(after.names)
	return after
}

// made is how many calls there were.
func (f *simFS) made() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls
}

// read returns the content of a file, nil if there is none. It is no call.
func (f *simFS) read(path string) []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, node, err := f.find("read", path); err == nil && node != nil {
		return append([]byte{}, node.data...)
	}
	return nil
}

// tree is every file with its content, for comparing.
func (f *simFS) tree() map[string]string {
	f.mu.Lock()
	defer f.mu.Unlock()
	files := map[string]string{}
	for name, node := range f.root.names["sim"].names {
		files[name] = string(node.data)
	}
	return files
}

var _ fileSystem = (*simFS)(nil)

func (f *simFS) String() string { return fmt.Sprintf("crash at call %d of %d", f.crashAt, f.made()) }
