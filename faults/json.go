package faults

import (
	"encoding/json"
	"fmt"
	"io"
)

// Encode renders the plan as JSON, one fault a line, keys in a fixed order.
// DecodePlan reads it back to an equal plan.
func (p Plan) Encode() []byte {
	b := fmt.Appendf(nil, "{\n  \"schema\": %q,\n  \"faults\": [", Schema)
	for i := range p.Faults {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, "\n    "...)
		b = append(b, marshal(&p.Faults[i])...)
	}
	if len(p.Faults) > 0 {
		b = append(b, "\n  "...)
	}
	b = fmt.Appendf(b, "],\n  \"heal_at_ns\": %d", p.Heal)
	if len(p.Core) > 0 {
		b = append(b, ",\n  \"core\": "...)
		b = append(b, marshal(p.Core)...)
	}
	return append(b, "\n}\n"...)
}

func marshal(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("faults: a plan cannot be encoded: " + err.Error())
	}
	return b
}

// Limits of a reader; zero fields mean MaxBytes and MaxFaults.
type Limits struct {
	Bytes  int // of the whole input
	Faults int
}

// ReadPlan reads one plan from r, strictly, within limits.
func ReadPlan(r io.Reader, l Limits) (Plan, error) {
	if l.Bytes <= 0 {
		l.Bytes = MaxBytes
	}
	data, err := io.ReadAll(io.LimitReader(r, int64(l.Bytes)+1))
	if err != nil {
		return Plan{}, fmt.Errorf("plan: %w", err)
	}
	return decodePlan(data, l)
}

// DecodePlan reads one plan, strictly: what is wrong with it in any way is an error
// that names the line, the field, its value and what is allowed. Whether it fits a
// topology is for Validate to say.
func DecodePlan(data []byte) (Plan, error) { return decodePlan(data, Limits{Bytes: MaxBytes}) }

func decodePlan(data []byte, l Limits) (Plan, error) {
	if l.Faults <= 0 {
		l.Faults = MaxFaults
	}
	var p Plan
	if err := DecodeStrict(data, &p, l.Bytes); err != nil {
		return Plan{}, fmt.Errorf("plan: %w", err)
	}
	if p.Schema == "" {
		return Plan{}, fmt.Errorf("plan: schema: %q is not %q", p.Schema, Schema)
	}
	if len(p.Faults) > l.Faults {
		return Plan{}, fmt.Errorf("plan: faults: %d of them; the limit is %d", len(p.Faults), l.Faults)
	}
	if err := p.check(); err != nil {
		return Plan{}, fmt.Errorf("plan: %w", err)
	}
	p.tidy()
	return p, nil
}

// tidy makes empty lists nil, as a plan that was never written has them.
func (p *Plan) tidy() {
	if len(p.Faults) == 0 {
		p.Faults = nil
	}
	for i := range p.Faults {
		f := &p.Faults[i]
		if len(f.From) == 0 {
			f.From = nil
		}
		if len(f.To) == 0 {
			f.To = nil
		}
	}
}
