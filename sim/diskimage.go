package sim

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
)

// DiskImage is what a disk holds: its files in order of names. It shares no memory with
// a disk; images of one enumeration may share bytes with each other, so change none.
type DiskImage struct {
	Files []FileImage
}

// FileImage is one file of an image.
type FileImage struct {
	Name string
	Data []byte
}

// File returns the content of a file.
func (m DiskImage) File(name string) (data []byte, ok bool) {
	for _, f := range m.Files {
		if f.Name == name {
			return f.Data, true
		}
	}
	return nil, false
}

// Digest tells this content from any other, names included.
func (m DiskImage) Digest() Digest {
	d := Digest(len(m.Files))
	for _, f := range m.Files {
		d = d.Bytes([]byte(f.Name)).Bytes(f.Data)
	}
	return d
}

// DiskOf is what node id's page cache shows: after a power loss, what it left.
func (w *World) DiskOf(id NodeID) DiskImage {
	d := &w.nodes[id].disk
	var m DiskImage
	for _, e := range d.names {
		m.Files = append(m.Files, FileImage{e.name, bytes.Clone(d.files[e.file].data)})
	}
	return m
}

// LoadDisk puts an image on the disk of a node that is down, instead of what is there:
// all of it is durable. The bytes are copied. False while the node runs.
func (w *World) LoadDisk(id NodeID, m DiskImage) bool {
	d := w.diskOf(id)
	if d == nil || d.n.up {
		return false
	}
	d.clear()
	for _, f := range m.Files {
		if f.Name == "" || len(f.Name) > MaxName || len(f.Data) > MaxFile {
			panic(fmt.Sprintf("sim: node %d: an image has %.40q with %d bytes: beyond the limits of a file", id, f.Name, len(f.Data)))
		}
		i := d.newFile()
		d.files[i].data = append(d.files[i].data, f.Data...)
		d.files[i].durable = append(d.files[i].durable, f.Data...)
		d.names = append(d.names, dirent{f.Name, i})
	}
	slices.SortFunc(d.names, func(a, b dirent) int { return cmp.Compare(a.name, b.name) })
	d.platter = append(d.platter, d.names...)
	return true
}
