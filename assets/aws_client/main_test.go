package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func withCredentials(t *testing.T) {
	t.Helper()
	t.Setenv("AWS_ACCESS_KEY_ID", "testing")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "testing")
}

// asked is what is printed when a server that answers so is asked.
func asked(t *testing.T, answer http.HandlerFunc, operation, arguments string) map[string]any {
	t.Helper()
	server := httptest.NewServer(answer)
	defer server.Close()
	t.Setenv("AWS_ENDPOINT_URL", server.URL)
	ctx, cancel := context.WithTimeout(context.Background(), wholeTime)
	defer cancel()
	said := ask(ctx, "us-west-2", "ec2", operation, strings.NewReader(arguments))
	printed, err := json.Marshal(said)
	if err != nil {
		t.Fatal(err)
	}
	var found map[string]any
	if err := json.Unmarshal(printed, &found); err != nil {
		t.Fatal(err)
	}
	if len(found) != 1 {
		t.Fatal(string(printed))
	}
	return found
}

func TestArgumentsAreSentAndTheAnswerComesInTheNamesOfTheAPI(t *testing.T) {
	withCredentials(t)
	var sent string
	found := asked(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		sent = string(body)
		io.WriteString(w, "<CreateVolumeResponse><volumeId>vol-1</volumeId><size>8</size></CreateVolumeResponse>")
	}, "CreateVolume", `{"AvailabilityZone": "us-west-2b", "Size": 8, "Encrypted": true, "TagSpecifications":
		[{"ResourceType": "volume", "Tags": [{"Key": "a", "Value": "b"}]}]}`)
	for _, wanted := range []string{
		"Action=CreateVolume", "AvailabilityZone=us-west-2b", "Size=8", "Encrypted=true",
		"TagSpecification.1.Tag.1.Key=a", "TagSpecification.1.Tag.1.Value=b",
	} {
		if !strings.Contains(sent, wanted) {
			t.Errorf("%s is not in %s", wanted, sent)
		}
	}
	answer, _ := found["Answer"].(map[string]any)
	if answer["VolumeId"] != "vol-1" || answer["Size"] != 8.0 {
		t.Error(found)
	}
}

func TestSilenceHasAnEnd(t *testing.T) {
	withCredentials(t)
	before := wholeTime
	defer func() { wholeTime = before }()
	wholeTime = 200 * time.Millisecond
	asks := 0
	release := make(chan struct{})
	defer close(release)
	found := asked(t, func(_ http.ResponseWriter, r *http.Request) {
		asks++
		// The body is read so that the server hears of the client's end.
		io.Copy(io.Discard, r.Body)
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}, "DescribeVolumes", "{}")
	if why, _ := found["Unanswered"].(string); !strings.Contains(why, "deadline exceeded") {
		t.Error(found)
	}
	if asks != 1 {
		t.Error(asks, "requests")
	}
}

func TestTheSameFaultHasTheSameText(t *testing.T) {
	withCredentials(t)
	hangUp := func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		connection, _, _ := w.(http.Hijacker).Hijack()
		connection.(interface{ SetLinger(int) error }).SetLinger(0)
		connection.Close()
	}
	server := httptest.NewServer(http.HandlerFunc(hangUp))
	defer server.Close()
	t.Setenv("AWS_ENDPOINT_URL", server.URL)
	texts := map[string]bool{}
	for range 3 {
		found := ask(context.Background(), "us-west-2", "ec2", "DescribeVolumes", strings.NewReader("{}"))
		texts[found.Unanswered] = true
	}
	if len(texts) != 1 || texts[""] {
		t.Error(texts)
	}
}

func TestAProxysPageKeepsItsStatus(t *testing.T) {
	withCredentials(t)
	found := asked(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadGateway)
		io.WriteString(w, "<html>Bad Gateway</html>")
	}, "DescribeVolumes", "{}")
	refused, _ := found["Refused"].(map[string]any)
	if refused["Code"] != "UnknownError" || refused["Status"] != 502.0 {
		t.Error(found)
	}
}

func TestOurOwnMistakesAreRefusedForGood(t *testing.T) {
	withCredentials(t)
	for operation, arguments := range map[string]string{
		"RunInstances": "{}", "DeleteVolume": `{"Volume": "vol-1"}`, "CreateVolume": `{"Size": "8"}`,
	} {
		found := asked(t, func(http.ResponseWriter, *http.Request) {
			t.Error("it was sent:", operation)
		}, operation, arguments)
		refused, _ := found["Refused"].(map[string]any)
		if refused["Code"] != "Misuse" || refused["Status"] != 400.0 {
			t.Error(found)
		}
	}
}

func TestASlowOrFailingMetadataServiceIsAskedAgain(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "")
	t.Setenv("HOME", t.TempDir())
	asks := 0
	metadata := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asks++
		switch {
		case r.URL.Path == "/latest/api/token":
			time.Sleep(800 * time.Millisecond)
			w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "300")
			io.WriteString(w, "token")
		case r.Header.Get("X-Aws-Ec2-Metadata-Token") != "token":
			w.WriteHeader(http.StatusUnauthorized)
		case asks == 2:
			w.WriteHeader(http.StatusServiceUnavailable)
		case strings.HasSuffix(r.URL.Path, "/security-credentials/"):
			io.WriteString(w, "role")
		default:
			io.WriteString(w, `{"Code": "Success", "AccessKeyId": "ASIA", "SecretAccessKey": "s",
				"Token": "t", "Expiration": "2999-01-01T00:00:00Z"}`)
		}
	}))
	defer metadata.Close()
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", metadata.URL)
	found := asked(t, func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("Authorization"), "Credential=ASIA/") {
			t.Error(r.Header)
		}
		io.WriteString(w, "<DescribeVolumesResponse><volumeSet/></DescribeVolumesResponse>")
	}, "DescribeVolumes", "{}")
	if _, answered := found["Answer"]; !answered {
		t.Error(found, asks)
	}
}
