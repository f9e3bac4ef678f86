package main

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// mostWays is how many paths to one folder are followed that go through a link within a linked
// folder. A dozen folders that are full of links to each other have more paths than anybody could
// wait for, and in none of them need a folder be its own ancestor.
const mostWays = 1_000

// folderType is what S3's console and Hadoop call the object that stands for an empty folder.
const folderType = "application/x-directory"

// tree is a folder that is uploaded with all that is below it, following links as the AWS CLI does.
type tree struct {
	transfers *transfers
	made      object
	ways      map[inode]int
	over      bool // it was given up
}

// inode is a folder, whatever path leads there.
type inode struct{ device, number uint64 }

// branch is a folder on one path to it.
type branch struct {
	inode
	path  string
	key   string
	above *branch
	links int
}

func uploadFolder(transfers *transfers, made object, folder string, status os.FileInfo) {
	prefix := made.key
	if prefix != "" && !strings.HasSuffix(prefix, "/") {
		prefix += "/"
	}
	tree := tree{transfers: transfers, made: made, ways: map[inode]int{}}
	tree.upload(&branch{inode: inodeOf(status), path: folder, key: prefix})
}

func (tree *tree) upload(folder *branch) {
	entries, err := os.ReadDir(folder.path)
	if err != nil {
		tree.transfers.skip(folder.path, err)
		return
	}
	made := tree.made
	if len(entries) == 0 && folder.key != "" {
		// S3 has no folders; without this, an output that is empty would be missing.
		made.key, made.contentType = folder.key, folderType
		tree.transfers.upload(made, folder.path, func(ctx context.Context) error {
			return made.put(ctx, section(nil))
		}, func() {})
	}
	for _, entry := range entries {
		if tree.over || tree.transfers.ctx.Err() != nil {
			return
		}
		path := filepath.Join(folder.path, entry.Name())
		made.key = folder.key + entry.Name()
		status, err := os.Stat(path)
		switch {
		case err != nil:
			tree.transfers.skip(path, err)
		case status.IsDir():
			below := &branch{inodeOf(status), path, made.key + "/", folder, folder.links}
			if entry.Type()&fs.ModeSymlink != 0 {
				below.links++
			}
			if tree.enter(below) {
				tree.upload(below)
			}
		default:
			tree.transfers.uploadFile(made, path)
		}
	}
}

// enter says whether a folder is to be uploaded on this path too.
func (tree *tree) enter(folder *branch) bool {
	for above := folder.above; above != nil; above = above.above {
		if above.inode == folder.inode {
			tree.transfers.warn("Skipping file %s. Folder contains itself: it is a link to %s.", folder.path, above.path)
			return false
		}
	}
	if folder.links < 2 {
		return true
	}
	tree.ways[folder.inode]++
	if tree.ways[folder.inode] > mostWays {
		tree.over = true
		tree.transfers.report("upload failed: %s to s3://%s/%s More than %d paths of links lead to this folder",
			folder.path, tree.made.bucket.name, folder.key, mostWays)
	}
	return !tree.over
}

func inodeOf(status os.FileInfo) inode {
	found := status.Sys().(*syscall.Stat_t)
	return inode{uint64(found.Dev), found.Ino}
}
