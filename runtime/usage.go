package orchestrall

import (
	"reflect"
	"unicode"
	"unicode/utf8"
)

// Parts of the usage that the result of a request to a language model offers.
const (
	InputTokens  Index = iota // gen_ai.usage.input_tokens
	OutputTokens              // gen_ai.usage.output_tokens
)

// Where results keep their usage, and what its parts are called, by the model
// clients in use.
var (
	usageFields = []string{"Usage", "TokenUsage", "UsageMetadata"}
	tokenFields = [...][]string{
		InputTokens:  {"InputTokens", "PromptTokens", "PromptTokenCount", "InputTokenCount"},
		OutputTokens: {"OutputTokens", "CompletionTokens", "CandidatesTokenCount", "CompletionTokenCount", "OutputTokenCount"},
	}
	modelFields = []string{"Model", "ModelName", "ModelID", "ModelId"}
)

// UsageOf returns the tokens that a request to a language model took, if its
// result offers them: by a method TokenUsage() (input, output int), or in a
// field Usage, TokenUsage or UsageMetadata, or in the result itself, as
// InputTokens or PromptTokens and OutputTokens or CompletionTokens, or as
// Gemini's counts. The value is the zero Value where it offers none, which
// leaves the attribute out. Nothing else of the result is looked at.
func UsageOf[T any](result T, part Index) Value { return usageOf(result, part) }

func usageOf(result any, part Index) Value {
	if part != InputTokens && part != OutputTokens {
		return Value{}
	}
	v := structOf(reflect.ValueOf(result))
	if u, ok := result.(interface{ TokenUsage() (input, output int) }); ok && !isNil(result) {
		input, output := u.TokenUsage()
		return Of([...]int{input, output}[part])
	}
	if !v.IsValid() {
		return Value{}
	}
	for _, name := range usageFields {
		if usage := structOf(named(v, name)); usage.IsValid() {
			return tokens(usage, part)
		}
	}
	return tokens(v, part)
}

// tokens reads a part of a usage. One that is zero as a whole was never filled in.
func tokens(usage reflect.Value, part Index) Value {
	var counts [len(tokenFields)]int64
	var known [len(tokenFields)]bool
	for i, names := range tokenFields {
		for _, name := range names {
			if counts[i], known[i] = whole(named(usage, name)); known[i] {
				break
			}
		}
	}
	if !known[part] || counts == [len(tokenFields)]int64{} {
		return Value{}
	}
	return Of(counts[part])
}

// ModelOf returns the name of the language model that a request asks for or an
// answer comes from: its field Model, ModelName or ModelID. The value is the
// zero Value where there is none.
func ModelOf[T any](x T) Value { return modelOf(x) }

func modelOf(x any) Value {
	v := structOf(reflect.ValueOf(x))
	if !v.IsValid() {
		return Value{}
	}
	for _, name := range modelFields {
		if f := below(named(v, name)); f.IsValid() && f.Kind() == reflect.String && f.Len() > 0 {
			return textValue(f.String())
		}
	}
	return Value{}
}

// deepest is how many pointers and interfaces may be around a value.
const deepest = 4

// below is what v points to.
func below(v reflect.Value) reflect.Value {
	for range deepest {
		if !v.IsValid() || v.Kind() != reflect.Pointer && v.Kind() != reflect.Interface {
			return v
		}
		v = v.Elem()
	}
	return reflect.Value{}
}

func structOf(v reflect.Value) reflect.Value {
	if v = below(v); v.IsValid() && v.Kind() == reflect.Struct {
		return v
	}
	return reflect.Value{}
}

// named is the field of that name, also if the program keeps it to itself.
func named(v reflect.Value, name string) reflect.Value {
	if f := fieldOf(v, name); f.IsValid() {
		return f
	}
	r, size := utf8.DecodeRuneInString(name)
	return fieldOf(v, string(unicode.ToLower(r))+name[size:])
}

// fieldOf does not follow embedded pointers that are nil, which FieldByName
// panics at.
func fieldOf(v reflect.Value, name string) reflect.Value {
	f, ok := v.Type().FieldByName(name)
	if !ok {
		return reflect.Value{}
	}
	value, err := v.FieldByIndexErr(f.Index)
	if err != nil {
		return reflect.Value{}
	}
	return value
}

func whole(v reflect.Value) (int64, bool) {
	v = below(v)
	switch {
	case !v.IsValid():
		return 0, false
	case v.CanInt():
		return v.Int(), true
	case v.CanUint():
		return int64(v.Uint()), true
	case v.CanFloat():
		return int64(v.Float()), true
	}
	return 0, false
}

func isNil(x any) bool {
	v := reflect.ValueOf(x)
	return !v.IsValid() || nilable(v.Kind()) && v.IsNil()
}
