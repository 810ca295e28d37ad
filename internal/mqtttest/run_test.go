package mqtttest

import "testing"

func TestDialogues(t *testing.T) {
	Run(t, "testdata/fake.txt", serveFake)
}
