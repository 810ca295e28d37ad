package packet

import "fmt"

func (p *Connect) String() string { return fmt.Sprintf("CONNECT id=%s", p.ClientID) }
func (p *Connack) String() string { return fmt.Sprintf("CONNACK %d", p.ReasonCode) }
func (p *Publish) String() string {
	return fmt.Sprintf("PUBLISH %d %s qos=%d %s", p.PacketID, p.Topic, p.QoS, p.Payload)
}
func (p *Puback) String() string      { return fmt.Sprintf("PUBACK %d", p.PacketID) }
func (p *Pubrec) String() string      { return fmt.Sprintf("PUBREC %d", p.PacketID) }
func (p *Pubrel) String() string      { return fmt.Sprintf("PUBREL %d", p.PacketID) }
func (p *Pubcomp) String() string     { return fmt.Sprintf("PUBCOMP %d", p.PacketID) }
func (p *Subscribe) String() string   { return fmt.Sprintf("SUBSCRIBE %d", p.PacketID) }
func (p *Suback) String() string      { return fmt.Sprintf("SUBACK %d", p.PacketID) }
func (p *Unsubscribe) String() string { return fmt.Sprintf("UNSUBSCRIBE %d", p.PacketID) }
func (p *Unsuback) String() string    { return fmt.Sprintf("UNSUBACK %d", p.PacketID) }
func (p *Pingreq) String() string     { return "PINGREQ" }
func (p *Pingresp) String() string    { return "PINGRESP" }
func (p *Disconnect) String() string  { return fmt.Sprintf("DISCONNECT %d", p.ReasonCode) }
func (p *Auth) String() string        { return fmt.Sprintf("AUTH %d", p.ReasonCode) }
