package main

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const rootLong = `permaudit reads permission logs back.

Sources are named by --from: the path of a log, a glob, - for standard input,
sqlite:audit.db?table_name=x, or postgres://user@host/database?table_name=x.
Without it, PERMAUDIT_FROM names one source; without that, permission.log is read, if it
is there.

Values of one filter flag are alternatives, separated by commas or by repeating the
flag; different flags must all hold. A leading ! excludes a value, an empty value stands
for null, and a backslash takes a comma or a leading ! literally.

Exit codes: 0; 1 a finding (--max exceeded, an alert of compare); 2 wrong usage; 3 not enough
data to judge; 4 a source could not be read.`

// newRoot makes the command with everything below it.
func (v *invocation) newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "permaudit",
		Short: "Read permission logs back",
		Long:  rootLong,
		Example: `  permaudit denied --since 7d
  permaudit query --user 42 --denied --from 'logs/*.log'
  permaudit trace request_id=r-1 --from sqlite:audit.db`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       version(),
		Args:          cobra.ArbitraryArgs, // execute has looked at them
		RunE:          func(command *cobra.Command, _ []string) error { return command.Help() },
	}
	root.SetIn(v.stdin)
	root.SetOut(hider{v})
	root.SetErr(v.stderr)
	root.SetVersionTemplate("permaudit {{.Version}}\n")
	root.SetFlagErrorFunc(flagError)
	flags := root.PersistentFlags()
	flags.BoolVarP(&v.quiet, "quiet", "q", false, "no notes on standard error, only errors")
	v.color = "auto"
	flags.Var(oneOf(&v.color, colorModes...), "color", "colours: auto (on a terminal, unless NO_COLOR is set), always, never")
	complete(root, "color", colorModes...)
	root.AddCommand(
		v.newQuery(), v.newTail(), v.newTrace(), v.newDenied(), v.newBypasses(), v.newCompare(), v.newSuggest(), v.newStats(),
		v.newImport(), v.newPrune(), newVersion(),
	)
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	checkArguments(root)
	return root
}

// checkArguments makes the commands that cobra brings refuse what they do not know.
func checkArguments(root *cobra.Command) {
	for _, command := range root.Commands() {
		switch command.Name() {
		case "completion":
			shells := commandNames(command)
			command.Args = func(_ *cobra.Command, args []string) error {
				if len(args) > 0 {
					return usagef("completion %q: want one of %s", args[0], strings.Join(shells, ", "))
				}
				return nil
			}
			command.RunE = func(command *cobra.Command, _ []string) error { return command.Help() }
			for _, shell := range command.Commands() {
				shell.Args = arguments(0, "")
			}
		case "help":
			command.Args = func(_ *cobra.Command, args []string) error {
				if found, rest, err := root.Find(args); err != nil || found == root && len(args) > 0 || len(rest) > 0 {
					return usagef("help %q: want one of %s", strings.Join(args, " "), strings.Join(commandNames(root), ", "))
				}
				return nil
			}
		}
	}
}

var colorModes = []string{"auto", "always", "never"}

// execute runs the command that args name.
func (v *invocation) execute(ctx context.Context, args []string) error {
	root := v.newRoot()
	// An unknown command is to be said before flags that it may have.
	if command, rest, err := root.Find(args); err == nil && command == root && len(rest) > 0 &&
		!strings.HasPrefix(rest[0], "-") && !strings.HasPrefix(rest[0], cobra.ShellCompRequestCmd) {
		return usagef("unknown command %q: want one of %s", rest[0], strings.Join(commandNames(root), ", "))
	}
	root.SetArgs(args)
	return root.ExecuteContext(ctx)
}

func commandNames(root *cobra.Command) []string {
	var names []string
	for _, command := range root.Commands() {
		if command.Name() != "help" {
			names = append(names, command.Name())
		}
	}
	return names
}

// flagError says what is wrong with a flag, and what is accepted.
func flagError(command *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	var value *pflag.InvalidValueError
	var missing *pflag.ValueRequiredError
	switch {
	case errors.Is(err, pflag.ErrHelp):
		return err
	case errors.As(err, &unknown):
		name := unknown.GetSpecifiedName()
		dashes := "--"
		if unknown.GetSpecifiedShortnames() != "" {
			dashes = "-"
		}
		return usagef("unknown flag %s%s: %s takes %s", dashes, name, command.CommandPath(), strings.Join(flagNames(command), " "))
	case errors.As(err, &missing):
		return usagef("--%s is without a value: %s", missing.GetFlag().Name, accepted(missing.GetFlag()))
	case errors.As(err, &value) && value.GetFlag().Value.Type() == "bool":
		return usagef("--%s %q: want true or false", value.GetFlag().Name, value.GetValue())
	case errors.As(err, &value):
		return usagef("--%s %q: %v", value.GetFlag().Name, value.GetValue(), value.Unwrap())
	}
	return usagef("%v", err)
}

// accepted says what a flag takes.
func accepted(flag *pflag.Flag) string {
	if value, ok := flag.Value.(wanter); ok {
		return value.want()
	}
	usage, _, _ := strings.Cut(flag.Usage, "\n")
	return "want " + usage
}

func flagNames(command *cobra.Command) []string {
	var names []string
	command.Flags().VisitAll(func(flag *pflag.Flag) {
		if !flag.Hidden {
			names = append(names, "--"+flag.Name)
		}
	})
	slices.Sort(names)
	return slices.Compact(names)
}

// arguments checks how many arguments there are.
func arguments(n int, want string) cobra.PositionalArgs {
	return func(command *cobra.Command, args []string) error {
		switch {
		case len(args) > n && n == 0:
			return usagef("%s takes no argument, but got %q: values go behind a flag, such as --user 42", command.Name(), args[0])
		case len(args) != n:
			return usagef("%s wants %s: got %d arguments", command.Name(), want, len(args))
		}
		return nil
	}
}

// complete makes the shell complete the values of a flag.
func complete(command *cobra.Command, flag string, values ...string) {
	// It fails only for a flag that is not there, which a test would show.
	_ = command.RegisterFlagCompletionFunc(flag, func(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		begin := typed[:strings.LastIndexByte(typed, ',')+1] // the values before, of a list
		var candidates []string
		for _, value := range values {
			if strings.HasPrefix(value, typed[len(begin):]) {
				candidates = append(candidates, begin+value)
			}
		}
		return candidates, cobra.ShellCompDirectiveNoFileComp
	})
}
