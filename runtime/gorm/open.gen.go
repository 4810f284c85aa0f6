// Package gorm is what the build front ends weave into calls of gorm.Open: the
// database that the dialect opens is instrumented by package dbsql before gorm
// uses it.
package gorm

// The log lines of gorm name the place that called it. It passes over files that
// are called like this one, so that a program's own file is named.

import (
	"database/sql"
	"reflect"
	"slices"

	"gorm.io/gorm"

	"github.com/orchestrall/orchestrall/runtime/dbsql"
)

// Open is [gorm.Open].
func Open(dialector gorm.Dialector, opts ...gorm.Option) (*gorm.DB, error) {
	if dialector == nil {
		return gorm.Open(nil, opts...)
	}
	return gorm.Open(&opening{dialector}, opts...)
}

// opening stands for a dialect until that has opened its database: only then
// is the database known, and not used yet. Nobody else gets to see it.
type opening struct {
	gorm.Dialector
}

// Apply hands on what gorm asks of dialects that change their configuration.
func (o *opening) Apply(c *gorm.Config) error {
	if d, ok := o.Dialector.(interface{ Apply(*gorm.Config) error }); ok {
		return d.Apply(c)
	}
	return nil
}

// Initialize implements gorm.Dialector.
func (o *opening) Initialize(db *gorm.DB) error {
	db.Dialector = o.Dialector
	given := databases(reflect.ValueOf(o.Dialector), 3, nil)
	if err := o.Dialector.Initialize(db); err != nil {
		return err
	}
	if opened, ok := db.ConnPool.(*sql.DB); ok && opened != nil && !slices.Contains(given, reflect.ValueOf(opened).Pointer()) {
		dbsql.Adopt(opened)
	}
	return nil
}

var databaseType = reflect.TypeFor[*sql.DB]()

// databases returns the addresses of those that a dialect was given: they are
// somebody's, who may be using them.
func databases(v reflect.Value, depth int, found []uintptr) []uintptr {
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		if v.Type() == databaseType {
			return append(found, v.Pointer())
		}
		v = v.Elem()
	}
	if v.Kind() == reflect.Struct && depth > 0 {
		for i := range v.NumField() {
			found = databases(v.Field(i), depth-1, found)
		}
	}
	return found
}
