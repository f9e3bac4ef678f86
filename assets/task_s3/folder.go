package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

var (
	errOutside = errors.New("the name leads out of the folder")
	errFolder  = errors.New("Is a directory")
)

// folder is where a recursive download goes. Nothing is written outside of it, whatever names say
// and wherever links in it lead.
type folder struct {
	*os.Root
	transfers *transfers
	bucket    *bucket
	prefix    string
	empty     []string        // what is to be there even if nothing is in it
	odd       map[string]bool // where files went whose keys say it in another way
}

// downloadFolder downloads all below a prefix while it is still being listed.
func downloadFolder(ctx context.Context, transfers *transfers, bucket *bucket, command command) error {
	// There afterwards even if nothing is below the prefix.
	if err := os.MkdirAll(command.target.text, 0o777); err != nil {
		return err
	}
	root, err := os.OpenRoot(command.target.text)
	if err != nil {
		return err
	}
	defer root.Close()
	prefix := command.source.key
	if prefix != "" && !strings.HasSuffix(prefix, "/") {
		prefix += "/"
	}
	target := folder{root, transfers, bucket, prefix, nil, map[string]bool{}}
	err = bucket.pages(ctx, prefix, "", func(read page) error {
		for _, object := range read.objects {
			if err := target.take(ctx, object, command.thawed); err != nil {
				return err
			}
		}
		return ctx.Err()
	})
	transfers.running.Wait()
	target.makeEmpty()
	return err
}

// take downloads an object, unless it is none of ours.
func (folder *folder) take(ctx context.Context, object types.Object, thawed bool) error {
	key, class := *object.Key, object.StorageClass
	written := strings.TrimPrefix(key, folder.prefix)
	name, err := placed(written)
	switch {
	case strings.HasSuffix(key, "/") && aws.ToInt64(object.Size) == 0:
		// The console, Nextflow and we make these so that a folder can be seen.
		if err == errFolder {
			folder.empty = append(folder.empty, name)
		}
		return nil
	case err == errOutside:
		folder.transfers.warn("Skipping file s3://%s/%s. File references a parent directory.", folder.bucket.name, key)
		return nil
	case isArchived(class) && !thawed:
		folder.transfers.warn(archived, folder.bucket.name, key, class, class)
		return nil
	case err == nil && name != written:
		if err = folder.claim(ctx, name); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	if err != nil {
		folder.transfers.report("download failed: s3://%s/%s to %s %s", folder.bucket.name, key,
			filepath.Join(folder.Name(), name), err)
		return nil
	}
	folder.transfers.downloadFile(folder.bucket, key, filepath.Join(folder.Name(), name),
		func(ctx context.Context, found *content) error { return folder.save(ctx, found, name) })
	return nil
}

// placed tells where in a folder a file goes by its key: where the AWS CLI puts it, which leaves it
// to the kernel to understand `a//b` and `a/./b`.
func placed(written string) (string, error) {
	name := filepath.Clean("./" + written)
	last := path.Base("/" + written)
	switch {
	case !filepath.IsLocal(name):
		return "", errOutside
	case name == ".", strings.HasSuffix(written, "/"), last == ".", last == "..":
		return name, errFolder
	}
	return name, nil
}

// claim makes sure that a name which a key says in another way belongs to that key alone.
func (folder *folder) claim(ctx context.Context, name string) error {
	taken := folder.odd[name]
	folder.odd[name] = true
	if !taken {
		found, err := folder.bucket.has(ctx, folder.prefix+name)
		if err != nil {
			return err
		}
		taken = found
	}
	if taken {
		return fmt.Errorf("another object's name is the same: %w", fs.ErrExist)
	}
	return nil
}

func (folder *folder) save(ctx context.Context, found *content, name string) error {
	status, err := folder.Lstat(name)
	if err == nil && status.Mode().Type()&^(fs.ModeDir|fs.ModeSymlink) != 0 {
		return errSpecial
	}
	return found.saveIn(ctx, folder.Root, name)
}

// makeEmpty makes the folders that nothing is in. Where a file has the same name, that one stays,
// as it does with the AWS CLI.
func (folder *folder) makeEmpty() {
	for _, name := range folder.empty {
		err := folder.MkdirAll(name, 0o777)
		if err != nil && !errors.Is(err, fs.ErrExist) && !errors.Is(err, syscall.ENOTDIR) {
			folder.transfers.report("download failed: s3://%s/%s%s/ to %s %s", folder.bucket.name, folder.prefix, name,
				filepath.Join(folder.Name(), name), err)
		}
	}
}
