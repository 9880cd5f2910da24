package main

import (
	"encoding/json"
	"strconv"

	"github.com/permaudit/audit/analysis"
)

// csvComparison has the members of the JSON objects as columns.
func (s *sheet) csvComparison(r *comparison) error {
	var header []string
	for _, name := range r.By {
		header = append(header, cell(name))
	}
	header = append(header, "verdict", "alert")
	for _, side := range []string{"baseline", "candidate"} {
		for _, name := range []string{"checks", "denied", "users", "denied_users", "bypassed", "bypassed_users", "all_users"} {
			header = append(header, side+"_"+name)
		}
	}
	rows := [][]string{append(header, "ratio", "q", "loop_users", "denied_with", "owner", "reason", "expires")}
	for i := range r.rows {
		row, err := csvKey(&r.rows[i])
		if err != nil {
			return err
		}
		rows = append(rows, row)
	}
	return s.csvRows(rows)
}

func csvKey(k *analysis.KeyVerdict) (row []string, err error) {
	for _, value := range k.Key {
		row = append(row, cell(value))
	}
	row = append(row, string(k.Verdict), strconv.FormatBool(k.IsAlert()))
	for _, side := range []analysis.KeySide{k.Baseline, k.Candidate} {
		for _, n := range []int64{side.Checks, side.Denied, side.Users, side.DeniedUsers, side.Bypassed, side.BypassedUsers, side.AllUsers} {
			row = append(row, number(n))
		}
	}
	text, err := json.Marshal(k)
	if err != nil {
		return nil, err
	}
	var members struct {
		Ratio, Q   json.Number
		LoopUsers  json.RawMessage `json:"loop_users"`
		DeniedWith json.RawMessage `json:"denied_with"`
	}
	if err := json.Unmarshal(text, &members); err != nil {
		return nil, err
	}
	owner, reason, expires := "", "", ""
	if a := k.Acknowledged; a != nil {
		owner, reason, expires = cell(a.Owner), cell(a.Reason), a.Until()
	}
	return append(row, members.Ratio.String(), members.Q.String(), jsonCell(members.LoopUsers), jsonCell(members.DeniedWith), owner, reason, expires), nil
}
