package main

import "testing"

const (
	largest = 5 * 1024 * mebibyte // of a part
)

func TestAStreamOfFiveTebibytesFitsIntoItsParts(t *testing.T) {
	var sum int64
	for number := int32(1); number <= mostParts; number++ {
		size := sizeOfPart(number)
		if size > largest {
			t.Fatalf("part %d has %d bytes", number, size)
		}
		sum += size
	}
	if sum < 5<<20*mebibyte {
		t.Errorf("the parts hold %d bytes", sum)
	}
}

func TestAStreamOfFiftyGibibytesTakesLittleMemory(t *testing.T) {
	var sum int64
	for number := int32(1); sum < 50<<10*mebibyte; number++ {
		if size := sizeOfPart(number); size > 32*mebibyte {
			t.Fatalf("part %d has %d bytes", number, size)
		} else {
			sum += size
		}
	}
}

func TestPartsOfAFileAreNeverTooManyNorTooLarge(t *testing.T) {
	for _, size := range []int64{threshold, 80_000 * mebibyte, 80_000*mebibyte + 1, 5 << 20 * mebibyte} {
		part := sizeOfParts(size)
		if count := (size + part - 1) / part; count > mostParts || part > largest {
			t.Errorf("%d bytes: %d parts of %d", size, count, part)
		}
	}
	if sizeOfParts(80_000*mebibyte) != partSize {
		t.Error("parts grow before they must")
	}
}

func TestADownloadKeepsAllConnectionsBusyWithFewCalls(t *testing.T) {
	for size, calls := range map[int64]int64{
		9 * mebibyte: 2, 80 * mebibyte: 10, 320 * mebibyte: 40, 1024 * mebibyte: 40, 3200 * mebibyte: 100,
	} {
		step := sizeOfRange(size)
		if got := (size + step - 1) / step; got != calls {
			t.Errorf("%d bytes: %d calls of %d", size, got, step)
		}
	}
}
