package main

// Limits of S3: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
const (
	mebibyte  = int64(1) << 20
	mostParts = 10_000
	// threshold is from where on an object goes in parts, and partSize how large each is: the AWS
	// CLI's, so that ETags are the same.
	threshold = 8 * mebibyte
	partSize  = 8 * mebibyte
)

// sizeOfParts is the size of the parts of a file, doubled until they are not too many.
func sizeOfParts(size int64) int64 {
	part := partSize
	for (size+part-1)/part > mostParts {
		part *= 2
	}
	return part
}

// sizeOfPart is the size of a part, counted from 1, of a stream whose end nobody knows: it doubles
// each 1,000 parts, so that 10,000 of them hold 8 TiB and a short stream takes little memory.
func sizeOfPart(number int32) int64 { return partSize << ((number - 1) / 1_000) }

// sizeOfRange is how much of an object one call downloads. Each call costs a round trip, so there are
// few; several for each connection, so that all are busy until nearly the end.
func sizeOfRange(size int64) int64 {
	const calls = 4 * atOnce
	return max(partSize, min(4*partSize, (size+calls-1)/calls))
}
