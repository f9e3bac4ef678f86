package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func asked(t *testing.T, answer http.HandlerFunc, operation, arguments string) (int, string, string) {
	t.Helper()
	server := httptest.NewServer(answer)
	defer server.Close()
	t.Setenv("AWS_ENDPOINT_URL", server.URL)
	t.Setenv("AWS_ACCESS_KEY_ID", "testing")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "testing")
	var printed, complained bytes.Buffer
	status := run(
		[]string{"us-west-2", "ec2", operation}, strings.NewReader(arguments), &printed, &complained,
	)
	return status, printed.String(), complained.String()
}

func TestArgumentsAreSentAndTheAnswerComesInTheNamesOfTheAPI(t *testing.T) {
	var sent string
	status, printed, complained := asked(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		sent = string(body)
		io.WriteString(w, "<CreateVolumeResponse><volumeId>vol-1</volumeId><size>8</size></CreateVolumeResponse>")
	}, "CreateVolume", `{"AvailabilityZone": "us-west-2b", "Size": 8, "Encrypted": true, "TagSpecifications":
		[{"ResourceType": "volume", "Tags": [{"Key": "a", "Value": "b"}]}]}`)
	if status != done || complained != "" {
		t.Fatal(status, complained)
	}
	for _, wanted := range []string{
		"Action=CreateVolume", "AvailabilityZone=us-west-2b", "Size=8", "Encrypted=true",
		"TagSpecification.1.Tag.1.Key=a", "TagSpecification.1.Tag.1.Value=b",
	} {
		if !strings.Contains(sent, wanted) {
			t.Errorf("%s is not in %s", wanted, sent)
		}
	}
	var found struct{ Answer map[string]any }
	if err := json.Unmarshal([]byte(printed), &found); err != nil {
		t.Fatal(err)
	}
	if found.Answer["VolumeId"] != "vol-1" || found.Answer["Size"] != 8.0 {
		t.Error(printed)
	}
}

func TestSilenceHasAnEnd(t *testing.T) {
	before := wholeTime
	defer func() { wholeTime = before }()
	wholeTime = 200 * time.Millisecond
	asks := 0
	release := make(chan struct{})
	defer close(release)
	status, printed, complained := asked(t, func(_ http.ResponseWriter, r *http.Request) {
		asks++
		// The body is read so that the server hears of the client's end.
		io.Copy(io.Discard, r.Body)
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}, "DescribeVolumes", "{}")
	if status != noAnswer || printed != "" || !strings.Contains(complained, "deadline exceeded") {
		t.Error(status, printed, complained)
	}
	if asks != 1 {
		t.Error(asks, "requests")
	}
}

func TestAProxysPageKeepsItsStatus(t *testing.T) {
	status, printed, complained := asked(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadGateway)
		io.WriteString(w, "<html>Bad Gateway</html>")
	}, "DescribeVolumes", "{}")
	wanted := `{"Refused":{"Code":"UnknownError","Message":"UnknownError","Status":502}}`
	if status != done || strings.TrimSpace(printed) != wanted {
		t.Error(status, printed, complained)
	}
}
