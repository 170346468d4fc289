using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;
using YamlDotNet.RepresentationModel;
using YamlDotNet.Serialization;

namespace Contracts.Generator;

/// <summary>JSON as block-style YAML. Texts stay quoted: a reader of YAML 1.1 would take some of them for times or numbers.</summary>
public static class Yaml
{
    private static readonly JsonSerializerOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static string Write(JsonObject document)
    {
        // JSON is YAML already; only the style changes.
        var stream = new YamlStream();
        stream.Load(new StringReader(document.ToJsonString(Readable)));
        foreach (var node in stream.Documents[0].AllNodes)
        {
            switch (node)
            {
                case YamlMappingNode mapping:
                    mapping.Style = MappingStyle.Block;
                    foreach (var name in mapping.Children.Keys.Cast<YamlScalarNode>())
                    {
                        name.Style = ScalarStyle.Plain;
                    }

                    break;
                case YamlSequenceNode sequence:
                    sequence.Style = SequenceStyle.Block;
                    break;
            }
        }

        return new SerializerBuilder().WithIndentedSequences().WithNewLine("\n").Build().Serialize(stream.Documents[0].RootNode);
    }
}
